// Student's t for whole degrees of freedom, where its distribution has an elementary form.

/**
 * P(|T| <= t) for t >= 0 and `freedom` = 1, 2, ... (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4), with
 * theta = atan(t / sqrt(freedom)):
 *   1:    2 theta / pi
 *   odd:  2/pi (theta + sin (cos + 2/3 cos^3 + ... + (2 4 ... (v - 3)) / (1 3 ... (v - 2)) cos^(v - 2)))
 *   even: sin (1 + 1/2 cos^2 + (1 3)/(2 4) cos^4 + ... + (1 3 ... (v - 3)) / (2 4 ... (v - 2)) cos^(v - 2))
 */
export function centralShare(t: number, freedom: number): number {
  const theta = Math.atan(t / Math.sqrt(freedom));
  const [sin, cos] = [Math.sin(theta), Math.cos(theta)];
  const isOdd = freedom % 2 === 1;
  let sum = 0;
  let term = isOdd ? cos : 1;
  for (let power = isOdd ? 1 : 0; power <= freedom - 2; power += 2) {
    sum += term;
    term *= (cos * cos * (power + 1)) / (power + 2);
  }
  return isOdd ? (2 / Math.PI) * (theta + sin * sum) : sin * sum;
}

/** The t with P(|T| <= t) = `share`, by bisection to the last bits of a double. Throws RangeError. */
export function studentT(freedom: number, share = 0.95): number {
  if (!Number.isInteger(freedom) || freedom < 1 || !(share > 0 && share < 1))
    throw new RangeError(`no quantile of Student's t for ${freedom} degrees and share ${share}`);
  let low = 0;
  let high = 1;
  while (centralShare(high, freedom) < share) high *= 2;
  for (let middle = high / 2; middle > low && middle < high; middle = (low + high) / 2)
    if (centralShare(middle, freedom) < share) low = middle;
    else high = middle;
  return high;
}
