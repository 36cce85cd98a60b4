"""Whether a word looks like a secret: behind `password is`, in a cell of a table, in an address.

There a secret may stand, or prose. Prose is made of words; dates, versions, paths, ids of things and names of
algorithms are none either. What is left has letters beside digits, signs in its middle, or capitals all over.
"""

from __future__ import annotations

import re
from itertools import pairwise

# What stands in logs beside such names and has digits or signs all the same.
PLAIN_WORDS = re.compile(
    r"""(?ix)
    [a-z]*  |  v?\d[\d.,:]*(?:[a-z%]{1,3}|-?[a-z]{2,12})?  |  \d+(?:st|nd|rd|th)                    # words, figures
    |  v?\d+(?:\.\d+){1,4}(?:[-+][\w.+-]*)?   # versions
    |  \d{4}-?\d\d-?\d\d(?:[T_]?[\d:.,+-]*Z?)?  |  \d\d?[/.-]\d\d?[/.-]\d{2,4}                         # dates
    |  (?:o?auth|sha|md|aes|rs|hs|es|ps|eddsa|ed|utf|base|ascii|iso|ipv|http|tls|ssl|win|ec2|k8s|argon|scrypt|
       bcrypt|pbkdf|scram|hmac|md5|i18n|mfa|2fa|sp|pkcs|crc|blake|rfc|web3|log4j|node|python|redis|postgres|java|log)
       [-_]?\d{0,5}(?:[-_/:.]\w{1,6}){0,2}  |  (?:scram|hmac|aes|rsa|ecdsa|pbkdf2|pkcs)[\w/-]*  # algorithms
    |  \d?fa  |  [a-z]{1,3}\d{1,2}  |  [a-z]+(?:\(s\)|'s|n't)  |  [a-z]+(?:/[a-z]+)+
    |  \$\w+  |  \$?\{[^}]*\}?  |  %\w  |  <[^>]*>?                                                     # what is put in
    |  0x[0-9a-f]{1,16}  |  \w+\([\d,\s]*\)?
    """
)
# Names of things: words with hyphens, underscores, points or slashes between them, in one case or as code writes them.
NAMES_OF_THINGS = re.compile(
    r"[a-z]+(?:[-_.:/][a-z]+)+(?:[-_.:]\w{0,3}\d\w{0,3})?|[a-z]+[-_.:]\d{1,6}|"
    r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[a-z]{2,}(?:[A-Z][a-z]+)+\d?|"
    r"(?:[A-Z][a-z]+)+\d?|[A-Z]{2,}-\d+|(?:[A-Z]?[a-z]+[-.])+[A-Z]?[a-z]+"
)
PLACES = re.compile(r"(?:\.{0,2}|~|[A-Za-z]:)[/\\]|[A-Za-z][A-Za-z0-9+.-]{1,20}://|[\w.-]+(?:/[\w.-]+){2,}$")
FILES = re.compile(
    r"[\w./-]+\.(?:[cm]?[jt]sx?|py|java|go|rb|php|json|ya?ml|toml|env|ini|conf|cfg|log|txt|"
    r"md|sql|html?|css|pem|key|crt|sh|"
    r"service|local|internal|com|jp|net|org|io|example)(?:[:/]\S*)?"
)
UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
SIGNS = re.compile(r"[A-Za-z0-9][!#$%^&*~?+=@]+[A-Za-z0-9]|[A-Za-z0-9!#$%^&*~?@]{4,}[!#$%^&*~]{1,4}$")
LONGEST_LOOK = 512
FEWEST = 6
# Names of things are shorter.
LONGEST_NAME = 28


def is_secret(word: str, named_surely: bool = True) -> bool:
    """Whether a word looks like a secret.

    `named_surely`: whether what stands before says that one follows (`password is`), and does not only name one
    (`token`): behind that an id or a name of something is no secret.

    >>> is_secret("hunter22-X"), is_secret("required"), is_secret("2026-11-25"), is_secret("sha256")
    (True, False, False, False)
    """
    word = word.strip(".,;:!?()'\"`")
    if len(word) > LONGEST_LOOK:
        return True
    if len(word) < FEWEST or not word.isascii() or PLAIN_WORDS.fullmatch(word):
        return False
    if PLACES.match(word) or FILES.fullmatch(word):
        return False
    letters, digits = any(map(str.isalpha, word)), any(map(str.isdigit, word))
    if UUID.fullmatch(word):
        return named_surely
    if NAMES_OF_THINGS.fullmatch(word):
        return (named_surely or len(word) > LONGEST_NAME) and (
            word.count("-") > 2 or (digits and "_" not in word and ":" not in word)
        )
    if letters and digits:
        return named_surely or len(word) > FEWEST
    if letters and SIGNS.search(word):
        return True
    changes = sum(a.islower() and b.isupper() for a, b in pairwise(word))
    return letters and changes >= 3 and changes >= len(word) / 6
