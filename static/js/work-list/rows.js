/**
 * The row to choose, by its study.
 * @param {string[]} studies of the rows as they stand now.
 * @param {?string} chosen the study that was chosen; it may have left the list.
 * @param {number} step 1: the row below, -1: the row above, 0: the same again.
 * @param {number} place where the chosen row stood when it was last seen; counts where it has left.
 * @returns {?string} null where there are no rows.
 */
export function rowToChoose(studies, chosen, step, place = 0) {
  if (studies.length === 0) return null;
  const last = studies.length - 1;
  const here = studies.indexOf(chosen);
  if (here >= 0) return studies[Math.min(Math.max(here + step, 0), last)];
  if (chosen === null) return step < 0 ? studies[last] : studies[0];
  // The one that moved up into its place is the row below.
  return studies[Math.min(Math.max(place + Math.min(step, 0), 0), last)];
}
