"""Which words name one of the 80 COCO objects: by lemma, plural and synonym.

mIoU80 is the mIoU of these words (Tang et al. 2023, sec. 3.1); their list of synonyms was not published, so
this one is stated here in full and belongs beside every number made with it.
Source of the labels: Lin et al. 2014.
"""

from __future__ import annotations

_LABELS = (
    "person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, "
    "stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, "
    "backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, "
    "baseball glove, skateboard, surfboard, tennis racket, bottle, wine glass, cup, fork, knife, spoon, "
    "bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, "
    "potted plant, bed, dining table, toilet, tv, laptop, mouse, remote, keyboard, cell phone, microwave, "
    "oven, toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear, hair drier, toothbrush"
)
COCO_80 = tuple(_LABELS.split(", "))

_SYNONYMS = {
    "person": "man woman boy girl child kid baby toddler infant adult lady guy gentleman player skier surfer "
    "snowboarder skateboarder rider cyclist biker pedestrian tourist chef cook waiter officer policeman "
    "firefighter soldier student teacher catcher batter pitcher umpire bride groom farmer worker businessman",
    "bicycle": "bike cycle",
    "car": "automobile sedan suv taxi cab minivan hatchback coupe",
    "motorcycle": "motorbike scooter moped",
    "airplane": "plane aeroplane aircraft jet airliner jetliner biplane",
    "bus": "coach minibus",
    "train": "locomotive tram subway railcar",
    "truck": "lorry pickup semi firetruck",
    "boat": "ship sailboat canoe kayak ferry yacht rowboat motorboat speedboat raft gondola",
    "traffic light": "stoplight",
    "fire hydrant": "hydrant",
    "bird": "duck goose pigeon seagull gull parrot owl sparrow swan eagle chicken rooster hen penguin robin",
    "cat": "kitten kitty",
    "dog": "puppy pup hound poodle terrier retriever bulldog labrador",
    "horse": "pony foal stallion mare colt",
    "sheep": "lamb ewe ram",
    "cow": "cattle bull calf ox steer",
    "bear": "cub",
    "backpack": "rucksack knapsack",
    "umbrella": "parasol",
    "handbag": "purse pocketbook",
    "tie": "necktie",
    "suitcase": "luggage",
    "skis": "ski",
    "sports ball": "ball basketball football baseball volleyball soccerball",
    "tennis racket": "racket racquet",
    "cup": "mug teacup",
    "sandwich": "burger hamburger cheeseburger panini",
    "orange": "tangerine clementine mandarin",
    "hot dog": "hotdog frankfurter",
    "donut": "doughnut",
    "cake": "cupcake cheesecake",
    "chair": "armchair stool recliner",
    "couch": "sofa loveseat settee",
    "potted plant": "houseplant",
    "dining table": "table",
    "tv": "television telly",
    "laptop": "notebook",
    "cell phone": "cellphone phone smartphone telephone iphone",
    "oven": "stove",
    "sink": "washbasin basin",
    "refrigerator": "fridge freezer",
    "book": "textbook novel",
    "teddy bear": "teddy",
    "hair drier": "hairdryer blowdryer",
}
_PHRASES = {
    "traffic signal": "traffic light", "tennis racquet": "tennis racket", "soccer ball": "sports ball",
    "tennis ball": "sports ball", "wineglass": "wine glass", "hair dryer": "hair drier",
    "mobile phone": "cell phone", "remote control": "remote", "computer mouse": "mouse",
    "computer keyboard": "keyboard", "tv remote": "remote", "pick-up": "truck", "house plant": "potted plant",
    "stuffed bear": "teddy bear", "fire truck": "truck", "baseball mitt": "baseball glove",
    "kitchen table": "dining table", "hand bag": "handbag", "doughnut": "donut",
}  # fmt: skip
_IRREGULAR = {
    "people": "person", "men": "man", "women": "woman", "children": "child", "knives": "knife",
    "mice": "mouse", "geese": "goose", "calves": "calf", "oxen": "ox", "policemen": "policeman",
    "businessmen": "businessman", "gentlemen": "gentleman",
}  # fmt: skip
_LABEL_OF = (
    {label: label for label in COCO_80}
    | {word: label for label, words in _SYNONYMS.items() for word in words.split()}
    | _PHRASES
)


def coco_label(word: str, *, lemma: str = "") -> str | None:
    """The COCO label that a noun names, None for none. The lemma is tried first, then the word itself.

    Case and surrounding spaces don't matter; of several words the last may be a plural ("traffic lights").
    """
    for candidate in (lemma, word):
        text = " ".join(candidate.lower().split())
        for form in (text, *_singulars(text)):
            if form in _LABEL_OF:
                return _LABEL_OF[form]
    return None


def _singulars(text: str) -> list[str]:
    """What the text may be the plural of."""
    start, _, last = text.rpartition(" ")
    forms = [_IRREGULAR[last]] if last in _IRREGULAR else []
    forms += [last[:-3] + "y"] if last.endswith("ies") else []
    forms += [last[:-2]] if last.endswith("es") else []
    forms += [last[:-1]] if last.endswith("s") and not last.endswith("ss") else []
    return [f"{start} {form}".strip() for form in forms if form]
