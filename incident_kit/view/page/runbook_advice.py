"""What a notebook's cells show of the runbook: its diagnoses, its steps with what is known for them, what asking left behind, the ranking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from incident_kit.evidence.store import Evidence
from incident_kit.model.answer import Status
from incident_kit.model.finding import Verdict
from incident_kit.runbook.advice import Advice
from incident_kit.runbook.case import Case
from incident_kit.runbook.contents import Runbook, Scenario
from incident_kit.runbook.ranking import Ranked
from incident_kit.view.page.citations import citations, note
from incident_kit.view.page.sections import VERDICT_WORDS
from incident_kit.view.page.stored_answers import STATUS_WORDS
from incident_kit.view.page.words import Html, escape, table


def diagnoses(scenario: Scenario, case: Case) -> Html:
    """Each line of the runbook's diagnosis, with what answers it here and how it was answered."""
    rows = []
    for diagnosis in scenario.diagnoses:
        said = []
        for question in diagnosis.answers:
            told = case.last(question)
            status = STATUS_WORDS[told.answer.status] if told else STATUS_WORDS[Status.NOT_CHECKED]
            reason = f": {escape(told.answer.reason)}" if told and told.answer.reason else ""
            said.append(
                f"<code>{escape(question)}</code> {status}{reason}{citations([told.at('/data')]) if told else ''}"
            )
        if diagnosis.signs:
            counts = Counter[str]()
            for one in case.signs(diagnosis.signs):
                counts[one.sign] += one.n
            listed = ", ".join(
                f"{n:,} × {escape(case.title(sign))}"
                for sign, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
            )
            nothing = "nothing of it in the logs" if case.items else "no log is in the evidence"
            said.append(f"logs: {listed or nothing}{note('signs')}")
        rows.append(
            f"<tr><th scope='row'>{escape(diagnosis.text)}</th><td>{'<br>'.join(said) or 'see the tables above'}</td></tr>"
        )
    return table(["Question", "What answers it"], rows)


def steps(book: Runbook, scenario: Scenario, advice: Sequence[Advice]) -> Html:
    """What the runbook advises, with what is known for each step. Text for a person; nothing is carried out."""
    entries = []
    for one in advice:
        settled = " <em>(nothing in the evidence speaks for it)</em>" if one.settled else ""
        caution = (
            f"<br><strong class='warning'>Caution: {escape(one.step.caution)}</strong>" if one.step.caution else ""
        )
        known = "".join(
            f"<li>{'✓ ' if fact.settled else ''}{escape(fact.text)}{citations(fact.citations)}</li>"
            for fact in one.facts
        )
        documents = [book.document(name) for name in one.step.documents]
        read = "; ".join(f"{escape(document.title)}: {_link(document.address)}" for document in documents)
        entries.append(
            f"<li>{escape(one.step.text)}{settled}{caution}{f'<ul>{known}</ul>' if known else ''}{f'<p>Read: {read}</p>' if read else ''}</li>"
        )
    return Html(f"<p>{escape(scenario.impact)}</p><ol>{''.join(entries)}</ol><p>{escape(scenario.escalation)}</p>")


def footprint(stored: Evidence) -> Html:
    """What this investigation itself opened and sent."""
    read = [
        f"<li>opened for reading: {escape(item.origin)}, {item.size_bytes:,} bytes kept as item <code>{item.id}</code>, at {escape(item.asked_at)}</li>"
        for item in stored.slices()
    ]
    asked = []
    for item in stored.answers():
        sent = item.sent()
        texts = Counter(text.partition(" ")[0] for text in sent)
        words = ", ".join(f"{n} × {escape(text)}" for text, n in texts.most_common(4))
        asked.append(
            f"<li>{escape(item.origin)} ({escape(item.details['target'])}), at {escape(item.asked_at)}: {f'{len(sent)} sent ({words})' if sent else 'nothing was sent'}</li>"
        )
    closing = (
        "Every statement stands with its answer at the end of the report." if asked else "No live system was asked."
    )
    return Html(
        f"<ul>{''.join(read + asked)}</ul><p>{closing} Nothing that writes was sent, and no log was changed.</p>"
    )


def ranking(ranked: Sequence[Ranked]) -> Html:
    """All scenarios, the likeliest first, with their confirmed symptoms."""
    rows = []
    for one in ranked:
        found = "<br>".join(
            f"{escape(finding.title)}: {escape(finding.statement)}{citations(finding.citations)}"
            for finding in one.confirmed
        )
        others = Counter(
            VERDICT_WORDS[finding.verdict] for finding in one.findings if finding.verdict is not Verdict.CONFIRMED
        )
        rest = ", ".join(f"{n} {words}" for words, n in others.items())
        shade = " class='confirmed'" if one.confirmed else ""
        rows.append(
            f"<tr{shade}><th scope='row'>{escape(one.scenario.title)}</th><td>{one.scenario.severity}</td><td>{found or 'nothing confirmed'}</td><td>{rest}</td></tr>"
        )
    return table(["Scenario", "Usually", "Confirmed", "Otherwise"], rows)


def _link(address: str) -> str:
    if address.startswith(("https://", "http://")):
        return f"<a href='{escape(address)}'>{escape(address)}</a>"
    return escape(address) or "<em>where it is, the runbook's documents.toml does not say</em>"
