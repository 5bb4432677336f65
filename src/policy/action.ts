// What can be done with a request. Index 0 always calls the model, so that anything unusual (a NaN, an empty
// database, a broken file) ends in a direct call. The paper's a_n is 1 - index and appears in reports only.

/** How a request is finally handled: A serves a stored answer, C calls the model with notes, B calls the model. */
export type Handling = "A" | "B" | "C";

/** The two-way head of the DLRS paper. */
export const TWO_WAY = ["direct", "cache"] as const;
/** The three-way extension: the head itself separates C from A. */
export const THREE_WAY = ["B", "C", "A"] as const;

export type ActionNames = typeof TWO_WAY | typeof THREE_WAY;
