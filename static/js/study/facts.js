/** What follows from the data of a study: no page, no server. */

const OPEN = new Set(["queued", "running"]);

export const isOpen = (prediction) => OPEN.has(prediction.state);

/** Whether anything in the study is still being worked on. */
export function isBusy(study) {
  return study.images.some((image) => image.predictions.some(isOpen));
}

/** The prediction to show: the one chosen, or the newest result, or else the newest of any state. */
export function shownPrediction(image, chosenId = null) {
  return (
    image.predictions.find((prediction) => prediction.prediction_id === chosenId) ??
    image.predictions.find((prediction) => prediction.state === "succeeded") ??
    image.predictions[0] ??
    null
  );
}

/** The state of a photograph as a whole, for its thumbnail: that of its newest work, unless a result is there. */
export function imageState(image) {
  if (image.predictions.some(isOpen)) {
    return "busy";
  }
  if (image.predictions.some((prediction) => prediction.state === "succeeded")) {
    return "succeeded";
  }
  return image.predictions[0]?.state ?? "none";
}

/** The grade of the newest result; null where there is none. */
export function imageGrade(image) {
  return image.predictions.find((prediction) => prediction.state === "succeeded")?.result?.grade ?? null;
}

/** Whether network and lesion rule are apart, in the newest result. */
export function gradesDisagree(image) {
  return image.predictions.find((prediction) => prediction.state === "succeeded")?.result?.rules?.disagrees ?? false;
}

/** The highest of the grades that are given; null where none is. */
export function worstGrade(grades) {
  const given = grades.filter((grade) => Number.isInteger(grade));
  return given.length ? Math.max(...given) : null;
}

/** The grade proposed for the report: the reader's where one is given, otherwise the networks'. */
export function proposedGrade(study, reading) {
  return worstGrade([reading.grade_od, reading.grade_os]) ?? worstGrade(study.images.map(imageGrade));
}

/**
 * The masks of one lesion that can be shown, the network's own first, then corrections from the newest to the oldest.
 * Each: `{key, kind: "network"|"revision", url, count, area_px, area_percent_of_fov, area_disc, revision?}`.
 */
export function maskSources(image, prediction, lesion) {
  const own = prediction?.result?.lesions.find((entry) => entry.lesion === lesion);
  const sources = own?.mask_url ? [{ ...own, key: "network", kind: "network", url: own.mask_url }] : [];
  const revisions = image.revisions
    .filter((revision) => revision.lesion === lesion)
    .sort((first, second) => second.revision - first.revision)
    .map((revision) => ({ ...revision, key: `r${revision.revision}`, kind: "revision", url: revision.image_url }));
  return [...sources, ...revisions];
}

/** The source to show: the wanted one, or for "current" the newest correction, or else the network's own. */
export function chosenSource(sources, wanted) {
  const named = sources.find((source) => source.key === wanted);
  if (named) {
    return named;
  }
  const correction = wanted === "network" ? undefined : sources.find((source) => source.kind === "revision");
  return correction ?? sources.find((source) => source.kind === "network") ?? null;
}

/** How far an open analysis is, as one sentence. */
export function progressText(prediction, stageNames) {
  const claims = prediction.state === "queued" ? 0 : 1; // attempts of an analysis that nothing happened to
  const again = prediction.attempts > claims && gettext("An earlier attempt was interrupted; it is tried again by itself.");
  return [workText(prediction, stageNames), again].filter(Boolean).join(" ");
}

function workText(prediction, stageNames) {
  if (prediction.state === "queued") {
    const ahead = prediction.queue_position;
    const place = ahead
      ? interpolate(ngettext("Waiting; %s analysis ahead.", "Waiting; %s analyses ahead.", ahead), [ahead])
      : gettext("Waiting; next in line.");
    if (prediction.unattended) {
      return `${place} ${gettext("No worker is running at present; the photograph is kept, and analysed once one runs.")}`;
    }
    const seconds = prediction.expected_wait_seconds ?? null;
    return seconds === null ? place : `${place} ${waitText(seconds)}`;
  }
  if (prediction.stalled) {
    return gettext("The worker that was at it has fallen silent; the next free one takes over by itself.");
  }
  const stage = stageNames[prediction.stage];
  return stage ? interpolate(gettext("Being analysed: %s …"), [stage]) : gettext("Being analysed …");
}

function waitText(seconds) {
  if (seconds < 60) {
    return gettext("Result in less than a minute.");
  }
  const minutes = Math.ceil(seconds / 60);
  return interpolate(ngettext("Result in about %s minute.", "Result in about %s minutes.", minutes), [minutes]);
}

/** A link of the API as an address on this server, whatever a proxy made of scheme and host. */
export function local(url) {
  const parsed = new URL(url, globalThis.location?.href ?? "http://localhost/");
  return `${parsed.pathname}${parsed.search}`;
}
