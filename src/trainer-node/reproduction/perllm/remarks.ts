/** One sentence on each claim: why our figure differs from the published one, or what in it is an assumption of ours. */
export const REMARKS: Readonly<Record<string, string>> = {};
