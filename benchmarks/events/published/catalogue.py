"""What is known of the real data sets: where they are, what they hold, how they may be used.

Facts, no code. Sources: addresses, checksums and file names from tonic 1.7 and SpikingJelly 2.0
and from the sets' own pages; exact sizes in bytes from the checksum files of events-tfds. Sizes
that are only known rounded are in ``about``. Nobody's licence is restated here unless its authors
put it beside the data: where ``licence`` is "not confirmed", ``licence_page`` is where to read it.
"""

from __future__ import annotations

from benchmarks.events.published.entries import Archive, RealSet, figshare, mendeley
from benchmarks.events.splits import FOLDS

_GB = 10**9
_UNCONFIRMED = "not confirmed"
_CIFAR10 = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
_CIFAR10_PAGE = "https://figshare.com/articles/dataset/CIFAR10-DVS_New/4724671"
_CIFAR10_CITATION = (
    "Li, Liu, Ji, Li, Shi. CIFAR10-DVS: an event-stream dataset for object classification. "
    "Frontiers in Neuroscience 11:309, 2017"
)
# class -> figshare's number, bytes, md5 of its zip
_CIFAR10_ZIPS = {
    "airplane": (7712788, 747054427, "0afd5c4bf9ae06af762a77b180354fdd"),
    "automobile": (7712791, 970159102, "8438dfeba3bc970c94962d995b1b9bdd"),
    "bird": (7712794, 760766288, "a9c207c91c55b9dc2002dc21c684d785"),
    "cat": (7712812, 843271197, "52c63c677c2b15fa5146a8daf4d56687"),
    "deer": (7712815, 778283422, "b6bf21f6c04d21ba4e23fc3e36c8a4a3"),
    "dog": (7712818, 844609875, "f379ebdf6703d16e0a690782e62639c3"),
    "frog": (7712842, 818824848, "cad6ed91214b1c7388a5f6ee56d08803"),
    "horse": (7712851, 929265395, "e7cbbf77bec584ffbf913f00e682782a"),
    "ship": (7712836, 742404857, "41c7bd7d6b251be82557c6cce9a7d5c9"),
    "truck": (7712839, 950111954, "89f3922fd147d9aeff89e76a2b0b70a7"),
}
_CIFAR10_SPLITS = ("random_per_class", "first100", "lexicographic_tail")

_ORCHARD = (
    "Orchard, Jayawant, Cohen, Thakor. Converting static image datasets to spiking neuromorphic "
    "datasets using saccades. Frontiers in Neuroscience 9:437, 2015"
)
# N-Caltech101 is Caltech-101 without the folder Faces. These are that set's counts, and they add
# up to the 8,709 that the set is published with.
_CALTECH101 = """
BACKGROUND_Google 467 Faces_easy 435 Leopards 200 Motorbikes 798 accordion 55 airplanes 800
anchor 42 ant 42 barrel 47 bass 54 beaver 46 binocular 33 bonsai 128 brain 98 brontosaurus 43
buddha 85 butterfly 91 camera 50 cannon 43 car_side 123 ceiling_fan 47 cellphone 59 chair 62
chandelier 107 cougar_body 47 cougar_face 69 crab 73 crayfish 70 crocodile 50 crocodile_head 51
cup 57 dalmatian 67 dollar_bill 52 dolphin 65 dragonfly 68 electric_guitar 75 elephant 64 emu 53
euphonium 64 ewer 85 ferry 67 flamingo 67 flamingo_head 45 garfield 34 gerenuk 34 gramophone 51
grand_piano 99 hawksbill 100 headphone 42 hedgehog 54 helicopter 88 ibis 80 inline_skate 31
joshua_tree 64 kangaroo 86 ketch 114 lamp 61 laptop 81 llama 78 lobster 41 lotus 66 mandolin 43
mayfly 40 menorah 87 metronome 32 minaret 76 nautilus 55 octopus 35 okapi 39 pagoda 47 panda 38
pigeon 45 pizza 53 platypus 34 pyramid 57 revolver 82 rhino 59 rooster 49 saxophone 40 schooner 63
scissors 39 scorpion 84 sea_horse 57 snoopy 35 soccer_ball 64 stapler 45 starfish 86
stegosaurus 59 stop_sign 64 strawberry 35 sunflower 85 tick 49 trilobite 86 umbrella 75 watch 239
water_lilly 37 wheelchair 59 wild_cat 34 windsor_chair 56 wrench 39 yin_yang 60
"""


_ALL = (
    RealSet(
        name="cifar10dvs",
        title="CIFAR10-DVS (AEDAT4)",
        classes=_CIFAR10,
        counts={"": (1000,) * 10},
        width=128,
        height=128,
        format="aedat4",
        archives=(
            Archive(
                name="CIFAR10DVS.zip",
                urls=figshare(38023437),
                md5="ce3a4a0682dc0943703bd8f749a7701c",
                size=None,
                about=int(11.2 * _GB),
            ),
        ),
        page="https://figshare.com/ndownloader/files/38023437",
        licence=_UNCONFIRMED,
        licence_page=_CIFAR10_PAGE,
        citation=_CIFAR10_CITATION,
        splits=_CIFAR10_SPLITS,
        flip_keeps_label=True,
        manual="",
        binning="nearest",  # the literature's
    ),
    RealSet(
        name="cifar10dvs_aedat2",
        title="CIFAR10-DVS (original, AEDAT 2.0)",
        classes=_CIFAR10,
        counts={"": (1000,) * 10},
        width=128,
        height=128,
        format="aedat2",
        archives=tuple(
            Archive(f"{of}.zip", figshare(number)[1:] + figshare(number)[:1], md5, size, size)
            for of, (number, size, md5) in _CIFAR10_ZIPS.items()
        ),
        page=_CIFAR10_PAGE,
        licence=_UNCONFIRMED,
        licence_page=_CIFAR10_PAGE,
        citation=_CIFAR10_CITATION,
        splits=_CIFAR10_SPLITS,
        flip_keeps_label=True,
        manual="",
        binning="nearest",  # the literature's
    ),
    RealSet(
        name="ncars",
        title="N-CARS",
        classes=("background", "cars"),
        counts={"train": (7482, 7940), "test": (4211, 4396)},
        width=120,
        height=100,
        format="dat",
        archives=(
            Archive(
                name="Prophesee_Dataset_n_cars.zip",
                urls=(),
                # The form hands out zips and 7z files of other checksums than the first zip's.
                md5=None,
                size=None,
                about=int(0.29 * _GB),
                contents=r"(?i)n[-_]cars",
            ),
        ),
        page="https://www.prophesee.ai/2018/03/13/dataset-n-cars/",
        licence=_UNCONFIRMED,
        licence_page="https://www.prophesee.ai/2018/03/13/dataset-n-cars/",
        citation=(
            "Sironi, Brambilla, Bourdis, Lagorce, Benosman. HATS: histograms of averaged time "
            "surfaces for robust event-based object classification. CVPR 2018"
        ),
        splits=("official", "random", *(f"blocks{fold}" for fold in range(FOLDS))),
        flip_keeps_label=True,
        ordered=True,  # by track
        manual=(
            "Fill in the form there; it gives a link to the archive, a zip or a 7z. "
            "(The first zip had md5 553ce464d6e5e617b3c21ce27c19368e.)"
        ),
    ),
    RealSet(
        name="dvs_gesture",
        title="DVS128 Gesture",
        classes=(
            *("hand_clapping", "right_hand_wave", "left_hand_wave", "right_arm_clockwise"),
            *("right_arm_counter_clockwise", "left_arm_clockwise", "left_arm_counter_clockwise"),
            *("arm_roll", "air_drums", "air_guitar", "other_gestures"),
        ),
        # 1,176 and 288 in SpikingJelly and snnTorch: twelve trials in each of 98 and 24 recordings,
        # arm_roll twice.
        counts={
            "train": (*(98,) * 7, 196, *(98,) * 3),
            "test": (*(24,) * 7, 48, *(24,) * 3),
        },
        width=128,
        height=128,
        format="aedat3",
        archives=(
            Archive(
                name="DvsGesture.tar.gz",
                urls=(),
                md5="8a5c71fb11e24e5ca5b11866ca6c00a1",
                size=None,
                about=3 * _GB,
            ),
        ),
        page="https://ibm.ent.box.com/s/3hiq58ww1pbbjrinh367ykfdf60xsfm8/folder/50167556794",
        licence="CC BY 4.0",
        licence_page="https://creativecommons.org/licenses/by/4.0/",
        citation=(
            "Amir et al. A low power, fully event-based gesture recognition system. CVPR 2017"
        ),
        splits=("official",),
        flip_keeps_label=False,
        manual=(
            "Download DvsGesture.tar.gz there. (ibmGestureTrain.tar.gz and ibmGestureTest.tar.gz, "
            "which tonic uses, do not serve: they are cut and rounded to ms.)"
        ),
    ),
    RealSet(
        name="nmnist",
        title="N-MNIST",
        classes=tuple("0123456789"),
        counts={  # those of MNIST
            "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
            "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
        },
        width=34,
        height=34,
        format="atis",
        archives=(
            Archive(
                name="Train.zip",
                urls=mendeley("468j46mzdv", "39c25547-014b-4137-a934-9d29fa53c7a0"),
                md5="20959b8e626244a1b502305a9e6e2031",
                size=None,
                about=int(1.0 * _GB),
            ),
            Archive(
                name="Test.zip",
                urls=mendeley("468j46mzdv", "05a4d654-7e03-4c15-bdfa-9bb2bcbea494"),
                md5="69ca8762b2fe404d9b9bad1103e97832",
                size=None,
                about=int(0.17 * _GB),
            ),
        ),
        page="https://data.mendeley.com/datasets/468j46mzdv",
        licence=_UNCONFIRMED,
        licence_page="https://data.mendeley.com/datasets/468j46mzdv",
        citation=_ORCHARD,
        splits=("official",),
        flip_keeps_label=False,  # a mirrored 2 is no 2
        manual="",
    ),
    RealSet(
        name="ncaltech101",
        title="N-Caltech101",
        classes=tuple(_CALTECH101.split()[::2]),
        counts={"": tuple(map(int, _CALTECH101.split()[1::2]))},
        width=240,
        height=180,
        format="atis",
        archives=(
            Archive(
                name="N-Caltech101-archive.zip",
                urls=mendeley("cy6cvx3ryv", "36b5c52a-b49d-4853-addb-a836a8883e49"),
                md5="66201824eabb0239c7ab992480b50ba3",
                size=None,
                about=int(3.7 * _GB),
            ),
        ),
        page="https://data.mendeley.com/datasets/cy6cvx3ryv",
        licence=_UNCONFIRMED,
        licence_page="https://data.mendeley.com/datasets/cy6cvx3ryv",
        citation=_ORCHARD,
        splits=("random_per_class",),
        flip_keeps_label=True,
        manual="",
        binning="nearest",  # the literature's
    ),
    RealSet(
        name="pokerdvs",
        title="POKER-DVS",
        classes=("club", "diamond", "heart", "spade"),
        counts={"": (30, 43, 23, 35)},
        # Published as 32 x 32, but 40 of the 332,710 events, in 18 recordings, lie beyond; 35 x 35
        # is tonic's size and holds them all.
        width=35,
        height=35,
        format="aedat2_crop",
        archives=(
            Archive(
                name="poker_dvs.tar.gz",
                urls=("http://www2.imse-cnm.csic.es/caviar/POKER_DVS/poker_dvs.tar.gz",),
                md5="e31200d94357881164f1c68c1d7cafce",
                size=1339243,
                about=1339243,
            ),
        ),
        page="http://www2.imse-cnm.csic.es/caviar/POKERDVS.html",
        licence="non-commercial use, credited",
        licence_page="http://www2.imse-cnm.csic.es/caviar/POKERDVS.html",
        citation=(
            "Serrano-Gotarredona, Linares-Barranco. Poker-DVS and MNIST-DVS. Their history, how "
            "they were made, and other details. Frontiers in Neuroscience 9:481, 2015"
        ),
        splits=tuple(f"fold{fold}" for fold in range(FOLDS)),
        flip_keeps_label=True,
        manual="",
        # The symbols of a card were recorded at once: numbers that follow each other and overlap in
        # time by more than half are taken for one card.
        scenes=(
            (1, 3, 6, 11, 17, 24),
            (1, 3, 5, 8, 9, 11, 13, 16, 20, 25, 30, 37),
            (1, 3, 5, 7, 9, 12, 15, 19),
            (1, 8, 13, 20, 25, 27, 31, 34),
        ),
        note=(
            "131 recordings of 34 cards are too few to train on with confidence: run and average "
            "all five folds, pokerdvs-fold0 to pokerdvs-fold4"
        ),
    ),
)
SETS: dict[str, RealSet] = {one.name: one for one in _ALL}
