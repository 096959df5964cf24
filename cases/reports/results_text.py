"""The running text of the results document, in the active language."""

from __future__ import annotations

from django.utils.translation import gettext as _


def method() -> list[str]:
    """How a photograph is analysed, how the networks learn, and what the figures mean."""
    return [
        _(
            "A photograph is decoded once and its round field of view is found; the field of view is cut out and "
            "scaled to the input of each network, so that a lesion has about the same size in pixels whatever the "
            "camera. One network grades the photograph on the ICDR scale from 0 to 4; another gives, for every "
            "pixel, the probability of hard exudates, soft exudates, haemorrhages and microaneurysms. The four "
            "probabilities are independent, for lesions overlap, and each has its own threshold. Training and "
            "product share this code."
        ),
        _(
            "Lesion networks are encoder-decoder networks (U-Net, U-Net++, MA-Net). They learn from crops, three "
            "of four centred on a lesion whose kind is drawn first, turned, mirrored, zoomed and changed in "
            "colour, sharpness and noise; some are given a simulated large bleed, for outlined photographs hardly "
            "hold any. The loss is a focal cross-entropy, divided per lesion by its pixels in "
            "the batch, with a smooth Dice that punishes lesions invented where there are none. Networks whose "
            "encoder had no weights to start from were taught by one that had: they learn its answers and its "
            "features beside the outlines. Weights are averaged over training, and the average is what is kept. "
            "Where its card says so, a network is run on the photograph and on the same turned by half, and the "
            "mean is taken."
        ),
        _(
            "The grader joins a lesion network, a ResNet50 and a last layer that weighs what both say. Its "
            "probabilities are scaled by one temperature, and two operating points for referable disease (grade 2 "
            "and above) are frozen: one with a sensitivity, one with a specificity of at least 0.9 on validation "
            "photographs."
        ),
        _(
            "Figures: AP is the exact area under precision over recall of all pixels. Dice and IoU are pooled over "
            "all pixels of all photographs, at the threshold. The FROC score is the mean share of lesions found at "
            "1/8, 1/4, 1/2, 1, 2, 4 and 8 false marks per photograph, as in the LUNA16 challenge; a mark is false "
            "where less than 20 % of it lies on lesions, and a lesion is found where other marks cover at least "
            "20 % of it. Intervals are 95 % bootstrap intervals over patients, or photographs where patients are "
            "not known."
        ),
    ]


def limits() -> list[str]:
    """What the figures do not tell."""
    return [
        _(
            "The system supports trained staff; it has no regulatory clearance and does not replace the reading of "
            "a photograph. It looks for diabetic retinopathy alone."
        ),
        _(
            "The networks learnt from few photographs of few cameras. Other cameras, populations and image quality "
            "may give worse results; measure them on your own photographs before you rely on them."
        ),
        _(
            "The validation set of lesions is small, and most pixels of one lesion kind can belong to one "
            "photograph: read the intervals, not the last digit. Every photograph of it shows disease; false "
            "findings are measured on healthy eyes at 400 px."
        ),
        _(
            "Grades of public data sets are noisy, and at 400 px most microaneurysms are lost. Few photographs of "
            "grades 3 and 4 were there to learn from. Signs of proliferative disease are not outlined."
        ),
    ]


def overview() -> str:
    """Whose figures these are."""
    return _(
        "This document is made from the model cards of the networks that are installed on this system. All "
        "figures are those of validation photographs: they took no part in training, but the checkpoint, the "
        "thresholds and the temperature were chosen on them, so figures on other photographs will be lower."
    )


def split() -> str:
    """How photographs are divided."""
    return _(
        "Photographs are split by patient where patients are known, otherwise by photograph; a photograph that "
        "occurs in two sets is taken once, and official test sets are not touched. The split is kept as a file "
        "of names and digests."
    )


def seed_lesions() -> str:
    """How far the lesion figures of the seed report can be compared."""
    return _(
        "The seed report is the project that this system began with. Its networks learnt from the training photographs "
        "of TJDR, DDR and IDRiD together (its tables do not agree on their number) and were measured on photographs of "
        "all three; those here are measured on validation photographs of IDRiD. The tables show the order of size, not "
        "a ranking. Some IoU values of that report are above the Dice values of the same masks, which cannot be for "
        "pooled figures: they were averaged in another way, which the report does not state."
    )


def challenge() -> str:
    """Where the figures of the IDRiD challenge stand, and how they were measured."""
    return _(
        "IDRiD challenge: Porwal et al., Medical Image Analysis 2020;59:101561; area under precision over "
        "recall from 33 thresholds, on the 27 test photographs, trained on 54. For each lesion the highest "
        "value of any team is given. Ours are from 33 thresholds too, but on validation photographs that were "
        "taken from those 54."
    )


def other_grades() -> str:
    """Where the other figures of grades stand, and how they were measured."""
    return _(
        "Seed report: ResNet50 on the grades of IDRiD, validation photographs; which AUC it is, the report "
        "does not state. Gulshan et al., JAMA 2016;316(22):2402-2410: referable disease on EyePACS-1 (9,963 "
        "photographs, each read by several ophthalmologists), after training on 128,175 photographs of full "
        "resolution. The photographs here have 400 px and one reader's grade."
    )


def rule_grades() -> str:
    """What the grade by rule is, and how far it reaches."""
    return _(
        "A second grade follows from the lesion masks by the rules of the ICDR scale: no lesion 0, microaneurysms only "
        "1, other lesions 2, more than 20 haemorrhages in each quadrant 3. Signs of proliferative disease are no "
        "lesions that the networks outline, so it never says 4. Sensitivity and specificity are those of grade 2 and "
        "above. Thresholds of the masks were chosen for Dice and not for this rule; where a network has levels of "
        "certainty, chosen on graded training photographs, only areas that reach theirs count."
    )
