// One sentence on claims that differ, printed only then: why our figure is not the published one, or what stands behind a loss.

const TRIALS_COST =
  "Queues show who is slow to whoever looks at them; here the bandit's trials cost more deadlines than its memory saves.";
const CLOUD_SUFFICES =
  "With 26 users the cloud alone serves nearly everybody in time, and every trial of an edge is a loss.";
const LINKS_ARE_SEEN =
  "What waits in a link is known, so that nobody has to try in order to see that it recovered, and trying slow links costs deadlines.";

export const REMARKS: Readonly<Record<string, string>> = {
  "S1 Yi-9B":
    "The proxy of AGOD has nothing but the edges, so that the slowest model brings it below FineInfer.",
  "N1 Yi-9B AGOD":
    "Edges that are 8 % slower than with Yi-6B lose more under the same load than the one point that the paper prints.",
  "N3 RewardlessGuidance":
    "Its proxy uses both pools, so that less is left to save; the paper gives one figure for all rivals.",
  O2: "PerLLM weighs energy and room beside time, and explores: requests wait longer at the edges.",
  O3: "Waiting costs energy too, so that who minimises time saves it: there is little else to save in this world.",
  "O5 congested": LINKS_ARE_SEEN,
  "O11 congested": LINKS_ARE_SEEN,
  "O12 congested": LINKS_ARE_SEEN,
  "O16 congested": LINKS_ARE_SEEN,
  "O5 misinformed-quiet": CLOUD_SUFFICES,
  "O11 misinformed-quiet": CLOUD_SUFFICES,
  "O12 misinformed": TRIALS_COST,
  "O12 misinformed-quiet": CLOUD_SUFFICES,
  "O16 misinformed-quiet": CLOUD_SUFFICES,
  "O11 throttled-quiet": CLOUD_SUFFICES,
  "O12 throttled-quiet": CLOUD_SUFFICES,
  "O11 misinformed": TRIALS_COST,
  "O11 wandering": TRIALS_COST,
  "O11 prompt-bound": TRIALS_COST,
  "O16 misinformed": TRIALS_COST,
  O9: "With the servers' state as it is and both pools to choose from, plans over learnt times come near least predicted completion; the proxy's state of a second ago and its four of five to the edges were chosen to meet the published figure.",
  O13: "Predictions by class know already what the bandit has to find out.",
  "O14 208":
    "Far beyond capacity the tightest requests are lost anyway, and here they go before those that could be saved.",
};
