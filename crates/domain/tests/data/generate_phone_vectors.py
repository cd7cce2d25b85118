"""Writes phone_vectors.tsv: what Google's libphonenumber says about some nine thousand spellings of numbers.

    pip install phonenumbers==9.0.42    # the metadata version that rlibphonenumber's README names
    python generate_phone_vectors.py > phone_vectors.tsv

Columns: input, E.164 or "-" when it must be refused, type, region. Take the metadata version of the crate in Cargo.lock:
then there is nothing to explain away.
"""

import random

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

random.seed(20261123)  # The same file on every run.

TYPES = {value: name.lower() for name, value in vars(PhoneNumberType).items() if isinstance(value, int)}
FULL_WIDTH = str.maketrans("0123456789+", "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff0b")

CLASSICS = [
    # Brazil: a ninth digit since 2016, and the eight digits that WhatsApp still answers with.
    "+55 11 91234-5678", "+55 11 6123-4567", "+55 (11) 2345-6789", "+55 0 11 91234-5678", "+55 61 9123-4567",
    # Mexico: the mobile 1 that WhatsApp still writes.
    "+52 55 1234 5678", "+52 1 55 1234 5678", "+521 222 123 4567", "+52 044 55 1234 5678",
    # Argentina: 9 after the country code, or 15 before the subscriber.
    "+54 9 11 2345-6789", "+54 11 15 2345-6789", "+54 11 2345-6789", "+54 0 11 15 2345 6789",
    # Italy: the leading zero belongs to the number.
    "+39 06 1234 5678", "+39 02 1234 567", "+39 312 345 6789", "+39 6 1234 5678",
    # Ivory Coast: ten digits since 2021.
    "+225 07 12 34 56 78", "+225 01 23 45 67 89", "+225 07 12 34 56",
    # Russia and Kazakhstan share +7.
    "+7 912 345-67-89", "+7 701 234 5678", "+7 800 123 45 67", "+7 8 912 345 67 89", "+7 495 123-45-67",
    "+91 98765 43210", "+91 0 98765 43210", "+91 80 2345 6789", "+91 98765 4321",
    "+44 7400 123456", "+44 (0) 20 7946 0018", "+44 (0)7400 123456", "+44 1481 256789", "+44 7781 123456",
    # Benin: 01 in front of every number since 2024.
    "+229 01 90 01 12 34", "+229 90 01 12 34",
    "+1 415 555 2671", "+1 (415) 555-2671", "+1.415.555.2671", "+1 900 234 5678", "+1 876 210 1234", "+1 415 055 2671",
    "+49 1512 3451234", "+49 30 123456", "+49 (0) 30 123456", "+62 812-345-678", "+62 812-3456-7890",
    "+800 1234 5678", "+883 510 012 345", "+979 123 456 789", "+881 612 345 678", "+999 1234 5678", "+210 123 4567",
    "+972 50-234-5678", "+86 131 2345 6789", "+81 90-1234-5678", "+33 6 12 34 56 78", "+33 (0) 6 12 34 56 78",
    # Arabic-Indic and Devanagari digits, and the parenthesis before the plus.
    "+٤٩١٥١٢٣٤٥١٢٣٤", "+४९ १५१२ ३४५१२३४", "(+49) 1512 3451234",
]

# Refused before libphonenumber sees them: our front door takes E.164 with separators and nothing else.
REFUSED = [
    "", " ", "+", "+-", "-", "0", "+0", "+00", "+000000000", "+1", "+12", "+123", "+49", "+" + "9" * 63, "9" * 64,
    "4151234567", "1 415 555 2671", "0049 1512 3451234", "011 49 1512 3451234", "01512 3451234", "(415) 555-2671",
    "+1 800 FLOWERS", "+1 415 555 2671 ext. 5", "+1 415 555 2671;ext=5", "+1 415 555 2671 x5", "+1 415 555 2671#5",
    "tel:+1-415-555-2671", "tel:+14155552671", "+1 415 555 2671 / 2672", "+1 415 555 2671, 5", "++1 415 555 2671",
    "+1 415+555 2671", "+1 415 555 2671+", "call +1 415 555 2671", "+1 415 555 2671!", "*+14155552671",
    "+¹⁴¹⁵⁵⁵⁵²⁶⁷¹", "1415e5552671", "+1 415 555 2671\u00a0ext 7", "+1 415 555 2671;phone-context=example.com",
]


def row(text):
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return f"{text}\t-\t-\t-"
    if not phonenumbers.is_valid_number(number):
        return f"{text}\t-\t-\t-"
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    region = phonenumbers.region_code_for_number(number)
    return f"{text}\t{e164}\t{TYPES[phonenumbers.number_type(number)]}\t{region}"


def examples():
    """Every region's, and every global network's, example number of every type."""
    found = {}
    for kind in sorted(TYPES):
        for region in sorted(phonenumbers.SUPPORTED_REGIONS):
            number = phonenumbers.example_number_for_type(region, kind)
            if number:
                found[(region, kind)] = number
    for code in sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS):
        found[(str(code), 0)] = phonenumbers.example_number_for_non_geo_entity(code)
    return found.values()


def spellings(number):
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    spaced = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    code, _, rest = spaced.partition(" ")
    yield e164
    yield spaced.replace("-", " ").replace("/", " ")
    yield f"{code} ({rest[:2]}) {rest[2:].strip().replace(' ', '.', 1).replace(' ', '-')}"
    yield e164.translate(FULL_WIDTH)


def mutations(number):
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    at = random.randrange(1, len(e164))
    yield e164[:-1]
    yield e164 + random.choice("0123456789")
    yield e164[:at] + random.choice("0123456789") + e164[at + 1 :]
    yield e164[:at] + e164[at + 1 :]


def main():
    rows = {}
    for number in examples():
        for text in (*spellings(number), *mutations(number)):
            rows[text] = row(text)
    for text in CLASSICS:
        rows[text] = row(text)
    for _ in range(500):
        text = "+" + "".join(random.choices("0123456789", k=random.randint(4, 16)))
        rows[text] = row(text)
    for text in REFUSED:
        rows[text] = f"{text}\t-\t-\t-"
    print("\n".join(rows.values()))


main()
