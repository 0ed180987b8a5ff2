"""What the service asks of requests and JSON Schema cannot say.

Formats make values that keep such rules, so that requests get as far as the
store; a refusal that names nothing but such a rule is no finding.
"""

import itertools
import json

import schemathesis
from hypothesis import strategies as st

# The codes of faults that rest on a check digit, a registry, the clock, an
# earlier answer or another field.
UNSPEAKABLE = {
    "not_an_isbn",
    "not_a_language",
    "not_a_currency",
    "too_precise",
    "mismatch",  # of the id in the body and the one in the address
    "past",
    "bad_cursor",
    "unsupported_combination",
    "reserved",
}


def isbn(digits):
    head = "978" + digits
    check = -sum(int(d) * (1 + 2 * (i % 2)) for i, d in enumerate(head)) % 10
    return head + str(check)


ISBN = st.text("0123456789", min_size=9, max_size=9).map(isbn)
TAG = st.one_of(st.integers(0, 9).map('"v{}"'.format), st.just('"v1", W/"v2"'), st.just("*"))
KEYS = (f'"key {n}"' for n in itertools.count())

schemathesis.openapi.format("isbn", ISBN)
schemathesis.openapi.format("language-tag", st.sampled_from(["pt", "pt-BR", "en", "zh-Hant-TW"]))
schemathesis.openapi.format("currency", st.sampled_from(["BRL", "USD", "JPY", "KWD"]))
schemathesis.openapi.format("amount", st.integers(0, 999_999_999).map(str))
schemathesis.openapi.format("entity-tags", TAG)
schemathesis.openapi.format("preferences", st.sampled_from(["wait=1", "wait=1, respond-async", "handling=lenient", "wait=x"]))


def whole(value):
    """Writes whole numbers without a point: to JSON Schema 7.0 is one, to the service it is not."""
    if isinstance(value, dict):
        return {name: whole(v) for name, v in value.items()}
    if isinstance(value, list):
        return [whole(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@schemathesis.hook
def map_body(context, body):
    return whole(body)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes up another key for each valid request, since a used one belongs to another request."""
    if case.meta and case.meta.generation.mode.is_positive and case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = next(KEYS)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Keeps a failure unless a valid request was refused for rules of the above kind alone."""
    if type(failure).__name__ == "AllowHeaderMismatch" and case.path in ("/v1/dead/retry", "/v1/dead/discard"):
        return False  # its GET is that of a dead job of this name, which the document lists under /v1/dead/{job}
    if type(failure).__name__ != "RejectedPositiveData" or response.status_code not in (400, 412, 422):
        return True
    problem = json.loads(response.content)
    if problem["type"] == "/problems/precondition_failed":  # which says nothing about the request
        return False
    if problem["detail"] == "The cursor is not one that was given out.":
        return False
    faults = problem.get("errors", [])
    return not faults or not all(unspeakable(case, fault) for fault in faults)


def unspeakable(case, fault):
    """The year is bounded by the clock, a description by its bytes, and what is looked for must leave something once folded."""
    place = (fault["pointer"], fault["code"])
    return (
        fault["code"] in UNSPEAKABLE
        or place in {("/published", "out_of_range"), ("/published", "type"), ("/description", "too_long")}
        or (case.method == "GET" and fault["code"] == "blank")
    )
