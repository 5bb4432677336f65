import { describe, expect, it } from "vitest";
import { type Backend, openBackend } from "../../../../src/trainer-node/graph/backend.ts";
import { operatorsOf } from "../../../../src/trainer-node/graph/operators.ts";
import { TensorGraph } from "../../../../src/trainer-node/graph/tensor-graph.ts";

const cpu = () => openBackend("cpu", { threads: 1 });

/** total' = total + mean(x) over a batch; gives the old total and `ok`. */
function counter(batch: number): Uint8Array {
  const graph = new TensorGraph({ precision: "float32" });
  const total = graph.input("total", [1]);
  const ok = graph.input("ok", []);
  const ops = operatorsOf(graph, () => total);
  graph.output("total.next", ops.add(total, ops.mean(graph.input("x", [batch]))));
  graph.output("before", ops.scale(total, 1));
  graph.output("accepted", ops.scale(ok, 1));
  return graph.toOnnx();
}
const openCounter = (backend: Backend, batch: number, options = {}) =>
  backend.compile(counter(batch), {
    stateful: { total: "total.next" },
    acceptWhen: "accepted",
    ...options,
  });
const OK = Float32Array.of(1);
const start = () => new Map([["total", Float32Array.of(10)]]);

describe("a computation", () => {
  it("hands its state from run to run", async () => {
    const computation = await openCounter(await cpu(), 2);
    computation.writeState(start());
    const befores: number[] = [];
    for (const x of [1, 2, 3, 4])
      befores.push((await computation.run({ x: Float32Array.of(x, x), ok: OK }))["before"]![0]!);
    expect(befores).toEqual([10, 11, 13, 16]);
    expect([...(await computation.readState()).get("total")!]).toEqual([20]);
    await computation.dispose();
  });

  it("keeps the state of before when the run says no", async () => {
    const computation = await openCounter(await cpu(), 1);
    computation.writeState(start());
    await computation.run({ x: Float32Array.of(1), ok: OK });
    const refused = await computation.run({ x: Float32Array.of(5), ok: Float32Array.of(0) });
    expect(refused["accepted"]).toEqual(Float32Array.of(0));
    await computation.run({ x: Float32Array.of(2), ok: OK });
    expect([...(await computation.readState()).get("total")!]).toEqual([13]);
  });

  it("keeps the state of before when a number of the run is not finite, and says so", async () => {
    const computation = await openCounter(await cpu(), 1);
    computation.writeState(new Map([["total", Float32Array.of(Infinity)]]));
    const results = await computation.run({ x: Float32Array.of(5), ok: OK });
    expect([results["before"]![0], results["accepted"]![0]]).toEqual([Infinity, 0]);
  });

  it("shares its state with one of another batch size, which outlives it", async () => {
    const backend = await cpu();
    const two = await openCounter(backend, 2);
    const three = await openCounter(backend, 3, { state: two.state });
    two.writeState(start());
    await two.run({ x: Float32Array.of(1, 3), ok: OK });
    await three.run({ x: Float32Array.of(1, 2, 3), ok: OK });
    await two.dispose();
    // 10 + 2 + 2 + 2
    await three.run({ x: Float32Array.of(1, 2, 3), ok: OK });
    expect([...(await three.readState()).get("total")!]).toEqual([16]);
  });

  it("reads a state that another computation trains", async () => {
    const backend = await cpu();
    const training = await openCounter(backend, 1);
    const reading = await openCounter(backend, 1, {
      stateful: { total: null },
      state: training.state,
    });
    training.writeState(start());
    await training.run({ x: Float32Array.of(1), ok: OK });
    const results = await reading.run({ x: Float32Array.of(5), ok: OK });
    expect(results["before"]).toEqual(Float32Array.of(11));
    expect(results["total.next"]).toEqual(Float32Array.of(16));
    expect([...(await training.readState()).get("total")!]).toEqual([11]);
  });

  it("gives copies and takes copies", async () => {
    const computation = await openCounter(await cpu(), 1);
    const values = start();
    computation.writeState(values);
    values.get("total")![0] = 99;
    (await computation.readState()).get("total")![0] = 98;
    expect([...(await computation.readState()).get("total")!]).toEqual([10]);
  });

  it("keeps packed tensors side by side, and lets another computation read one of them", async () => {
    // both' = 2 both, where both = [a a b]; `seen` is b, fed by its own name from the same memory.
    const graph = new TensorGraph({ precision: "float32" });
    const both = graph.input("both", [3]);
    const b = graph.input("b", [1]);
    const ops = operatorsOf(graph, () => both);
    graph.output("both.next", ops.scale(both, 2));
    graph.output("seen", ops.scale(b, 1));
    const shapes = new Map([
      ["a", [2]],
      ["b", [1]],
    ]);
    const backend = await cpu();
    const options = { stateful: { both: "both.next", b: null }, packed: { both: shapes } };
    const computation = await backend.compile(graph.toOnnx(), options);
    computation.writeState(new Map([["b", Float32Array.of(5)]]));
    await expect(computation.run({})).rejects.toThrow("both was never written");
    computation.writeState(new Map([["a", Float32Array.of(1, 2)]]));
    expect((await computation.run({}))["seen"]).toEqual(Float32Array.of(5));
    expect((await computation.run({}))["seen"]).toEqual(Float32Array.of(10));
    const state = await computation.readState();
    expect([...state]).toEqual([
      ["b", Float32Array.of(20)],
      ["a", Float32Array.of(4, 8)],
    ]);

    // Writing b leaves a; a second computation over the same state sees both.
    computation.writeState(new Map([["b", Float32Array.of(1)]]));
    const other = await backend.compile(graph.toOnnx(), { ...options, state: computation.state });
    expect((await other.run({}))["seen"]).toEqual(Float32Array.of(1));
    expect((await computation.readState()).get("a")).toEqual(Float32Array.of(8, 16));
    expect(() => computation.writeState(new Map([["a", OK]]))).toThrow("a has 1 values instead");
    expect(() => computation.writeState(new Map([["both", OK]]))).toThrow("both is no state");
  });

  it("says what is wrong with a feed or a state", async () => {
    const backend = await cpu();
    const computation = await openCounter(backend, 2);
    const x = new Float32Array(2);
    await expect(computation.run({ x, ok: OK })).rejects.toThrow("total was never written");
    computation.writeState(start());
    await expect(computation.run({ x })).rejects.toThrow("ok is not fed");
    await expect(computation.run({ x: OK, ok: OK })).rejects.toThrow("x has 1 values instead of 2");
    await expect(computation.run({ x, ok: OK, y: OK })).rejects.toThrow("y is not fed to this");
    await expect(computation.run({ x, ok: OK, total: OK })).rejects.toThrow("total is not fed to");
    expect(() => computation.writeState(new Map([["x", x]]))).toThrow("x is no state");
    await expect(openCounter(backend, 2, { acceptWhen: "nothing" })).rejects.toThrow(
      "the graph has no output nothing",
    );
  });

  it("refuses a run while another one is on its way", async () => {
    const computation = await openCounter(await cpu(), 1);
    computation.writeState(start());
    const first = computation.run({ x: OK, ok: OK });
    await expect(computation.run({ x: OK, ok: OK })).rejects.toThrow("has not ended yet");
    expect((await first)["before"]).toEqual(Float32Array.of(10));
  });
});

describe("the choice of a backend", () => {
  it("says that the CPU was asked for", async () => {
    const backend = await openBackend("cpu", { threads: 1 });
    expect([backend.device, backend.reason]).toEqual(["cpu", "cpu, 1 thread: as asked"]);
  });

  it("computes the same on WebGPU, or says why it runs on the CPU", async () => {
    const backend = await openBackend("webgpu", { threads: 1 });
    console.log(backend.reason);
    expect(backend.reason).toMatch(
      backend.device === "webgpu" ? /^webgpu: as asked$/ : /^cpu, .*WebGPU does not start \(.+\)$/,
    );
    const computation = await openCounter(backend, 2);
    computation.writeState(start());
    await computation.run({ x: Float32Array.of(1, 3), ok: OK });
    await computation.run({ x: Float32Array.of(9, 9), ok: Float32Array.of(0) });
    // Written in the middle: what was on the device goes.
    expect([...(await computation.readState()).get("total")!]).toEqual([12]);
    computation.writeState(start());
    await computation.run({ x: Float32Array.of(2, 4), ok: OK });
    expect([...(await computation.readState()).get("total")!]).toEqual([13]);
    await computation.dispose();
  });
});
