/** What each command takes, as `--help` lists it. */
const COMMANDS = {
  pairs: `  pairs FILE            labelled pairs of questions, JSONL or JSONL.gz: {id, a, b, same} and, where known, category, group, lang
    --map F=NAME,...    the file's own field names, as in a=question1,b=question2,same=is_duplicate
    --near-miss FILE    instead: rows {id, seed_id, change, question, seed_question, same_answer, same_problem}
    --suite adversarial instead: the bundled adversarial suite
    --train-on FILE     train the verifier on this file's pairs first; the same file means its calibration half
    --at P,P,...        more accepted shares of traps served, per cent, beside 1, 2 and 5
    --embedder NAME     subword (default) or hash
    --verifier V        built-in (default) or none
    --resamples N       draws of the bootstrap (1000)`,

  stream: `  stream [FILE]         a labelled request stream, as --write wrote it or drawn from question groups, through gateway and others
    --data DIR          question groups of a data directory instead of the bundled ones
    --requests N        length of the stream (20000)
    --seed S            seed of stream and delays (1)
    --mix K=S,...       shares of new, repeat, rephrase, changed and translation
    --shift             half-way the shares change and the most popular questions become the least popular
    --write FILE        write the stream
    --price I,C,O       US dollars per million tokens of input, cached input, output, instead of three price points
    --answer-tokens N   an answer counts so many tokens at least (200)
    --embedding-price P US dollars per million tokens embedded (0: the built-in embedder)
    --embedder NAME     subword (default) or hash
    --verifier V        built-in (default) or none`,

  log: `  log FILE              your own log, a line {request, response, at?} each: an OpenAI chat request and its answer
    --unsure FILE       write the hits that the comparison is unsure of, for a person to fill in "right"
    --judged FILE       read these verdicts: lines {id, right}
    --prices FILE       lines {model, input, cachedInput, output}, US dollars per million tokens
    --only-unsampled    only requests with temperature 0, as the tenant's cacheSampled says when it is off
    --user-scope        answers are kept per end user (field user)
    --price I,C,O       US dollars per million tokens of input, cached input, output, instead of three price points
    --embedding-price P US dollars per million tokens embedded (0: the built-in embedder)
    --embedder NAME     subword (default) or hash
    --verifier V        built-in (default) or none`,

  routing: `  routing FILE          is a router better than one model for all? lines {id, question, models: {name: {correct or score, output_chars?}}}
    --map M             the file's own field names: F=NAME,... as in models=scores, the name of a format (llmrouter, zeroeval),
                        or a JSON file {"models": "scores"}
    --prices FILE       {model: {input_usd_per_million_tokens, output_usd_per_million_tokens}}, or lines {model, input, output}
    --answer-tokens N   of an answer whose length the file does not tell (200)
    --embedder NAME     subword (default) or hash
    --resamples N       draws of the bootstrap (1000)`,
} as const;

const HEAD = "usage: npm run evaluate -- COMMAND [options]";

const OF_ALL = `options of all
    --json              print JSON
    --help              this text`;

const HALVES = `Half of the pairs or questions, chosen by a hash of what hangs together, gives thresholds and routers; the figures are of the other
half.`;

export const USAGE = [HEAD, ...Object.values(COMMANDS), OF_ALL, HALVES].join("\n\n");

/** The part of the command that was meant, or everything where the arguments name none. */
export function usageFor(args: readonly string[]): string {
  const name = args.find((arg) => Object.hasOwn(COMMANDS, arg));
  if (name === undefined) return USAGE;
  return [HEAD, COMMANDS[name as keyof typeof COMMANDS], OF_ALL].join("\n\n");
}
