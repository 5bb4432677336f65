// What happens next: a binary heap by time, and among equal times by who was put in first.

export class EventQueue<E> {
  readonly #heap: { readonly at: number; readonly order: number; readonly event: E }[] = [];
  #order = 0;

  add(at: number, event: E): void {
    const heap = this.#heap;
    const item = { at, order: this.#order++, event };
    let i = heap.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(item, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = item;
  }

  next(): { readonly at: number; readonly event: E } | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let i = 0;
    for (;;) {
      const left = 2 * i + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const child = right < heap.length && isBefore(heap[right]!, heap[left]!) ? right : left;
      if (!isBefore(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

interface Timed {
  readonly at: number;
  readonly order: number;
}

const isBefore = (a: Timed, b: Timed): boolean =>
  a.at < b.at || (a.at === b.at && a.order < b.order);
