// Plots as standalone SVG files: the same plot, the same bytes.
import { isBarPlot, type Plot } from "./plot.ts";
import { barPlot } from "./svg-bars.ts";
import { linePlot } from "./svg-lines.ts";

export { barPlot, linePlot };

/** Throws RangeError that names the series for values that cannot be drawn. */
export const svgOf = (plot: Plot): string => (isBarPlot(plot) ? barPlot(plot) : linePlot(plot));
