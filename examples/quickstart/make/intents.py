"""Sentences a person might say to a home assistant, from a grammar, with slips; the intent is the label."""
import numpy as np

LENGTH = 32  # tokens of a padded sentence

INTENTS = {
    "light_on": ["turn on the {room} light", "switch the {room} lamp on", "make the {room} brighter",
                 "i need light in the {room}", "light up the {room}"],
    "light_off": ["turn off the {room} light", "switch the {room} lamp off", "make the {room} darker",
                  "no more light in the {room}", "put the {room} lamp out"],
    "heat_up": ["it is too cold in the {room}", "make the {room} warmer", "turn the {room} heating up",
                "set the {room} to {n} degrees more", "i am freezing in the {room}"],
    "heat_down": ["it is too warm in the {room}", "make the {room} cooler", "turn the {room} heating down",
                  "set the {room} to {n} degrees less", "i am sweating in the {room}"],
    "play_music": ["play some {music}", "put {music} on in the {room}", "i want to hear {music}",
                   "start the {music} list", "let us have {music} in the {room}"],
    "stop_music": ["stop the {music}", "no more {music} please", "turn the {music} off in the {room}",
                   "silence the {room}", "enough {music} for {day}"],
    "set_alarm": ["wake me at {n}", "set an alarm for {n} on {day}", "ring at {n} {day}",
                  "i have to get up at {n}", "alarm {day} at {n} please"],
    "cancel_alarm": ["cancel the alarm at {n}", "do not wake me on {day}", "no alarm {day}",
                     "delete the alarm for {n}", "let me sleep on {day}"],
    "weather": ["how is the weather on {day}", "will it rain {day}", "do i need a coat on {day}",
                "is it cold outside {day}", "what will the sky be like at {n}"],
    "shopping_add": ["put {food} on the list", "we need {n} {food}", "add {food} to the shopping",
                     "buy {food} on {day}", "remember {food} for {day}"],
    "shopping_remove": ["take {food} off the list", "we have {food} already", "no need for {food}",
                        "forget the {food}", "remove {n} {food} from the shopping"],
    "call": ["call {name}", "ring {name} at {n}", "get {name} on the phone", "i want to talk to {name}",
             "phone {name} on {day}"],
}
SLOTS = {
    "room": "kitchen bedroom bathroom hall cellar garage office nursery attic garden lounge study".split(),
    "music": "jazz rock blues folk opera techno soul metal swing radio piano music songs".split(),
    "day": "today tomorrow monday tuesday wednesday thursday friday saturday sunday tonight".split(),
    "food": ("bread milk eggs butter cheese rice pasta apples pears onions garlic coffee tea sugar salt "
             "flour honey beans carrots tomatoes").split(),
    "name": ("anna ben clara david emma felix greta henry ida jonas karl lena martin nora otto paula "
             "quentin rosa simon tina").split(),
    "n": ("one two three four five six seven eight nine ten eleven twelve").split(),
}
FILLERS = ("please hey well ok so um could you would you i think maybe right now quickly again dear "
           "house computer thanks if possible when you can").split()
CHATTER = ["because {name} is coming", "before {name} leaves", "after the {food}", "and then some {music}",
           "while i am in the {room}", "not like on {day}", "as we did on {day}", "said {name}"]


def fill(rng, template):
    words = []
    for word in template.split():
        if word.startswith("{"):
            slot = SLOTS[word.strip("{}")]
            word = slot[rng.integers(len(slot))]
        words.append(word)
    return words


def sentence(rng, intent):
    """Words of one utterance: template, fillers, chatter of other topics, lost and mistyped words."""
    templates = INTENTS[intent]
    words = fill(rng, templates[rng.integers(len(templates))])
    for _ in range(rng.integers(0, 5)):
        words.insert(rng.integers(len(words) + 1), FILLERS[rng.integers(len(FILLERS))])
    for _ in range(rng.integers(0, 3)):
        extra = fill(rng, CHATTER[rng.integers(len(CHATTER))])
        words = words + extra if rng.random() < 0.7 else extra + words
    kept = [word for word in words if rng.random() > 0.08]
    return [mistype(rng, word) for word in (kept or words)]


def mistype(rng, word):
    if len(word) < 4 or rng.random() > 0.03:
        return word
    at = rng.integers(len(word) - 1)
    return word[:at] + word[at + 1] + word[at] + word[at + 2:]


def vocabulary():
    """Token ids of all known words; 0 pads, 1 is unknown, 2 begins a sentence."""
    words = set(FILLERS)
    for templates in INTENTS.values():
        words.update(w for t in templates for w in t.split() if not w.startswith("{"))
    for phrase in CHATTER:
        words.update(w for w in phrase.split() if not w.startswith("{"))
    for slot in SLOTS.values():
        words.update(slot)
    return {word: index + 3 for index, word in enumerate(sorted(words))}


def sentences(seed, count):
    """Sentences as text, and labels."""
    rng = np.random.default_rng(seed)
    names = list(INTENTS)
    labels = rng.permutation(np.arange(count) % len(names)).astype(np.int32)
    return [" ".join(sentence(rng, names[label])) for label in labels], labels


def generate(seed, count):
    """Token ids int64 [count, LENGTH], padded with 0, and labels."""
    vocab = vocabulary()
    texts, labels = sentences(seed, count)
    ids = np.zeros((count, LENGTH), dtype=np.int64)
    for row, text in enumerate(texts):
        tokens = ([2] + [vocab.get(word, 1) for word in text.split()])[:LENGTH]
        ids[row, :len(tokens)] = tokens
    return ids, labels


def write_tsv(path, seed, count):
    """The same sentences as a file with a heading, as people keep them."""
    texts, labels = sentences(seed, count)
    lines = ["sentence\tlabel", *(f"{text}\t{label}" for text, label in zip(texts, labels))]
    path.write_text("\n".join(lines) + "\n")
