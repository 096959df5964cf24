/** What the worker's stages are called on the page; the keys are those of `inference.analysis`. */
export function stageNames() {
  return {
    decode: gettext("reading the photograph"),
    field_of_view: gettext("finding the retina"),
    grade: gettext("grading"),
    segment: gettext("outlining lesions"),
    measure: gettext("measuring lesions"),
    explain: gettext("explaining the grade"),
    store: gettext("storing the result"),
  };
}
