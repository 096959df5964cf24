/** Numbers, times and names as the page shows them. */

const language = document.documentElement.lang || "en";
const numbers = new Intl.NumberFormat(language);
const fractions = new Intl.NumberFormat(language, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
const times = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

export const formatNumber = (value) => numbers.format(value);
export const formatFraction = (value) => fractions.format(value);
/** @param time ISO text, or milliseconds. */
export const formatTime = (time) => times.format(new Date(time));

export const cssColour = ([r, g, b]) => `rgb(${r}, ${g}, ${b})`;

/** How a revision is called: "Revision 2", or "Network" for the network's own mask. */
export function revisionName(number) {
  if (number === 0) return gettext("Network’s mask");
  return interpolate(gettext("Revision %s"), [number]);
}
