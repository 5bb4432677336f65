// A Worker bundle holds data files as bytes.
declare module "*.bin" {
  const bytes: ArrayBuffer;
  export default bytes;
}
