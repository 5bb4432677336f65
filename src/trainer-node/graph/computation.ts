// One compiled graph and the state it works on. What training changes (weights, moments) stays where it is computed: in a
// GPU's buffers, or on the CPU in two sets of arrays that take turns, so that no step allocates or copies them.
import { InferenceSession, Tensor } from "onnxruntime-node";
import { type Shapes, elements } from "../../policy/network/layout.ts";
import { TensorGraph } from "./tensor-graph.ts";

export interface ComputationOptions {
  /**
   * State input -> the output that replaces it after a run; null: the runs only read it. A state input is not fed: it
   * holds what `writeState` or the last run put there.
   */
  readonly stateful?: Readonly<Record<string, string | null>>;
  /**
   * A scalar output; where it is not 1, the state stays as it was before the run. It is set to 0 where another output of
   * one number is not finite: a GPU's compiler may assume that such numbers do not occur and compute 1.
   */
  readonly acceptWhen?: string;
  /**
   * CPU only. State input -> the tensors that lie side by side in it, in this order: they are read and written by their own
   * names, whether or not they are inputs too, and change with it.
   */
  readonly packed?: Readonly<Record<string, Shapes>>;
  /** The state of another computation, shared from now on: the same weights under another batch size. */
  readonly state?: State;
}

export interface Computation {
  readonly state: State;
  /**
   * Feeds every input that is no state, gives every output that replaces none. Runs on one state follow one another: wait
   * for the last one before the next. Throws on a missing, unknown or ill-sized feed.
   */
  run(feeds: Readonly<Record<string, Float32Array>>): Promise<Record<string, Float32Array>>;
  /** Copies of the state inputs of this computation; of a packed one, copies of what lies in it. */
  readState(): Promise<ReadonlyMap<string, Float32Array>>;
  /** Sets some or all of what `readState` reads; throws on an unknown name or a wrong size. */
  writeState(values: ReadonlyMap<string, Float32Array>): void;
  /** Frees this computation, and the state when no other one uses it. */
  dispose(): Promise<void>;
}

/** Tensors by the name of the input that they feed. Only computations look inside. */
export class State {
  readonly current = new Map<string, Tensor>();
  /** On the CPU: the arrays of the step before last, which the next run overwrites. */
  readonly spare = new Map<string, Tensor>();
  /** Packed tensors -> the names of those that lie in them: these change places with them. */
  readonly packs = new Map<string, readonly string[]>();
  /** Those that lie in another one, and whether they were ever written. */
  readonly members = new Map<string, boolean>();
  busy = false;
  users = 0;

  /** Two arrays that take turns, with a view of each member in both. */
  pack(name: string, members: Shapes): void {
    if (this.packs.has(name)) return;
    const size = [...members.values()].reduce((sum, dims) => sum + elements(dims), 0);
    for (const tensors of [this.current, this.spare]) {
      const array = new Float32Array(size);
      tensors.set(name, new Tensor("float32", array, [size]));
      let at = 0;
      for (const [member, dims] of members) {
        const view = array.subarray(at, (at += elements(dims)));
        tensors.set(member, new Tensor("float32", view, dims));
      }
    }
    this.packs.set(name, [...members.keys()]);
    for (const member of members.keys()) this.members.set(member, false);
  }
  isWritten(name: string): boolean {
    const members = this.packs.get(name);
    if (members !== undefined) return members.every((member) => this.members.get(member));
    return this.members.get(name) ?? this.current.has(name);
  }
  /** What lies in another tensor keeps its place there. */
  write(name: string, tensor: Tensor): void {
    if (!this.members.has(name)) return this.replace(name, tensor);
    (this.current.get(name)!.data as Float32Array).set(tensor.data as Float32Array);
    this.members.set(name, true);
  }

  replace(name: string, tensor: Tensor): void {
    const old = this.current.get(name);
    this.current.set(name, tensor);
    if (old?.location === "gpu-buffer") old.dispose();
    else if (old !== undefined && tensor.location === "cpu") this.spare.set(name, old);
    for (const member of this.packs.get(name) ?? []) {
      const spare = this.spare.get(member)!;
      this.spare.set(member, this.current.get(member)!);
      this.current.set(member, spare);
    }
  }
  clear(): void {
    for (const tensor of this.current.values())
      if (tensor.location === "gpu-buffer") tensor.dispose();
    this.current.clear();
    this.spare.clear();
    this.packs.clear();
    this.members.clear();
  }
}

type Dims = ReadonlyMap<string, readonly number[]>;

export class RuntimeComputation implements Computation {
  readonly state: State;
  readonly #session: InferenceSession;
  readonly #sessionOptions: InferenceSession.SessionOptions;
  readonly #onGpu: boolean;
  /** Of every input. */
  readonly #dims: Dims;
  /** State input -> output or null. */
  readonly #stateful: ReadonlyMap<string, string | null>;
  /** What state is read and written by: state inputs, less the packed ones, and what lies in these. */
  readonly #names: ReadonlySet<string>;
  readonly #results: readonly string[];
  readonly #acceptWhen: string | undefined;
  /** Copies state from the GPU; asking a GPU tensor for its data would end the process. */
  #reader: InferenceSession | null = null;

  private constructor(
    session: InferenceSession,
    { stateful = {}, packed = {}, acceptWhen, state = new State() }: ComputationOptions,
    sessionOptions: InferenceSession.SessionOptions,
    onGpu: boolean,
  ) {
    this.#session = session;
    this.#sessionOptions = sessionOptions;
    this.#onGpu = onGpu;
    this.#dims = dimsOf(session.inputMetadata);
    this.#stateful = new Map(Object.entries(stateful));
    const replacing = new Set(this.#stateful.values());
    this.#results = session.outputNames.filter((name) => !replacing.has(name));
    this.#acceptWhen = acceptWhen;
    for (const [input, output] of this.#stateful) {
      if (!this.#dims.has(input)) throw new Error(`the graph has no input ${input}`);
      if (output !== null && !session.outputNames.includes(output))
        throw new Error(`the graph has no output ${output}`);
    }
    if (acceptWhen !== undefined && !this.#results.includes(acceptWhen))
      throw new Error(`the graph has no output ${acceptWhen}`);
    if (onGpu && Object.keys(packed).length > 0)
      throw new Error("on a GPU every tensor has a buffer of its own");
    for (const [name, members] of Object.entries(packed)) state.pack(name, members);
    this.#names = new Set([
      ...[...this.#stateful.keys()].filter((name) => packed[name] === undefined),
      ...Object.values(packed).flatMap((members) => Array.from(members.keys())),
    ]);
    this.state = state;
    state.users++;
  }

  static async open(
    onnx: Uint8Array,
    options: ComputationOptions,
    sessionOptions: InferenceSession.SessionOptions,
    device: "cpu" | "webgpu",
  ): Promise<RuntimeComputation> {
    const onGpu = device === "webgpu";
    const kept = Object.values(options.stateful ?? {}).filter((output) => output !== null);
    const session = await InferenceSession.create(onnx, {
      ...sessionOptions,
      ...(onGpu && {
        preferredOutputLocation: Object.fromEntries(kept.map((output) => [output, "gpu-buffer"])),
      }),
    });
    return new RuntimeComputation(session, options, sessionOptions, onGpu);
  }

  async run(feeds: Readonly<Record<string, Float32Array>>): Promise<Record<string, Float32Array>> {
    const { state } = this;
    if (state.busy) throw new Error("a run on this state has not ended yet");
    const inputs = this.#inputs(feeds);
    state.busy = true;
    try {
      const fetches = this.#fetches();
      const outputs = await this.#session.run(inputs, fetches);
      const results: Record<string, Float32Array> = {};
      for (const name of this.#results) results[name] = outputs[name]!.data as Float32Array;
      const accepted = this.#accepts(results);
      for (const [input, output] of this.#stateful)
        if (output !== null && accepted) state.replace(input, fetches[output] ?? outputs[output]!);
        else if (output !== null && this.#onGpu) outputs[output]!.dispose();
      return results;
    } finally {
      state.busy = false;
    }
  }

  async readState(): Promise<ReadonlyMap<string, Float32Array>> {
    const names = [...this.#names];
    const tensors = names.map((name) => this.#current(name));
    if (tensors.every((tensor) => tensor.location === "cpu"))
      return new Map(names.map((name, i) => [name, (tensors[i]!.data as Float32Array).slice()]));
    this.#reader ??= await this.#openReader();
    const copies = await this.#reader.run(
      Object.fromEntries(names.map((name, i) => [name, tensors[i]!])),
    );
    return new Map(names.map((name) => [name, copies[copyOf(name)]!.data as Float32Array]));
  }

  writeState(values: ReadonlyMap<string, Float32Array>): void {
    for (const [name, array] of values) {
      if (!this.#names.has(name)) throw new Error(`${name} is no state of this computation`);
      this.state.write(name, this.#tensor(name, array.slice()));
    }
  }

  async dispose(): Promise<void> {
    if (--this.state.users === 0) this.state.clear();
    await this.#reader?.release();
    await this.#session.release();
  }

  #accepts(results: Readonly<Record<string, Float32Array>>): boolean {
    if (this.#acceptWhen === undefined) return true;
    const verdict = results[this.#acceptWhen]!;
    for (const values of Object.values(results))
      if (values.length === 1 && !Number.isFinite(values[0])) verdict[0] = 0;
    return verdict[0] === 1;
  }

  #inputs(feeds: Readonly<Record<string, Float32Array>>): Record<string, Tensor> {
    const inputs: Record<string, Tensor> = {};
    for (const name of this.#stateful.keys()) inputs[name] = this.#current(name);
    for (const [name, values] of Object.entries(feeds)) {
      if (!this.#dims.has(name) || this.#stateful.has(name))
        throw new Error(`${name} is not fed to this computation`);
      inputs[name] = this.#tensor(name, values);
    }
    for (const name of this.#dims.keys())
      if (inputs[name] === undefined) throw new Error(`${name} is not fed`);
    return inputs;
  }

  /** On the CPU the runtime writes into arrays that are there already; on a GPU it allocates. */
  #fetches(): Record<string, Tensor | null> {
    const fetches: Record<string, Tensor | null> = {};
    for (const name of this.#results) fetches[name] = null;
    for (const [input, output] of this.#stateful)
      if (output !== null) fetches[output] = this.#onGpu ? null : this.#spare(input);
    return fetches;
  }

  #spare(name: string): Tensor {
    let spare = this.state.spare.get(name);
    if (spare === undefined) {
      spare = this.#tensor(name, new Float32Array(elements(this.#dims.get(name)!)));
      this.state.spare.set(name, spare);
    }
    return spare;
  }

  #current(name: string): Tensor {
    if (!this.state.isWritten(name)) throw new Error(`${name} was never written`);
    return this.state.current.get(name)!;
  }

  #tensor(name: string, values: Float32Array): Tensor {
    const dims = this.#dims.get(name) ?? this.state.current.get(name)!.dims;
    if (values.length !== elements(dims))
      throw new Error(`${name} has ${values.length} values instead of ${dims.join(" x ")}`);
    return new Tensor("float32", values, dims);
  }

  /** A graph that does nothing but hand its inputs over to the CPU. */
  #openReader(): Promise<InferenceSession> {
    const graph = new TensorGraph({ precision: "float32" });
    for (const name of this.#stateful.keys())
      graph.output(copyOf(name), graph.input(name, this.#dims.get(name)!));
    return InferenceSession.create(graph.toOnnx(), this.#sessionOptions);
  }
}

const copyOf = (name: string): string => `copy of ${name}`;

function dimsOf(metadata: readonly InferenceSession.ValueMetadata[]): Dims {
  return new Map(
    metadata.map((value) => {
      if (!value.isTensor || value.type !== "float32")
        throw new Error(`input ${value.name} does not hold float32 numbers`);
      return [
        value.name,
        value.shape.map((size) => {
          if (typeof size === "number") return size;
          throw new Error(`input ${value.name} has an axis of any size (${size})`);
        }),
      ];
    }),
  );
}
