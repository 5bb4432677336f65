// A Worker bundle holds compiled WebAssembly: the import is a WebAssembly.Module.
declare module "*.wasm" {
  const module: object;
  export default module;
}
