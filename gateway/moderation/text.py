"""Judges questions, answers and whatever else is text: by rules, and by a trained classifier that
weighs what they find and knows what no rule foresees. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Literal

from gateway.moderation.classifier.classifier import Classifier
from gateway.moderation.classifier.features import features
from gateway.moderation.passages import (
    around,
    pieces,
    sentences,
    without_crossing,
)
from gateway.moderation.reading.plain import plain
from gateway.moderation.rules.combinations import Hit
from gateway.moderation.rules.matcher import Matcher
from gateway.moderation.rules.ruleset import (
    RuleFile,
    RuleSet,
    parse_rules,
    read_files,
    rule_files,
)
from gateway.moderation.verdict import LEARNT, NOTHING, Action, Category, Verdict, stronger

Kind = Literal["question", "answer", "photo"]
# How sure the classifier must be of the sentence around what a rule finds. With 0.7, 3 % fewer of
# the texts behind innocent ones were found. Of six innocent sentences neither blocks any.
SURE_OF_A_HIT = 0.5
# What may stand around a word that is asked alone. Signs of other kinds change what it says.
_PUNCTUATION = " \t\r\n?!.,;:~…。、\"'"


class TextPolicy:
    """One version of it. `version` names rules, classifier and tables together."""

    def __init__(self, rules: RuleSet, classifier: Classifier | None = None) -> None:
        self.version = rules.version
        self.matcher = Matcher(rules)
        self.classifier = classifier
        self._rules = rules
        self._alone = frozenset(plain(word).text for word in rules.alone)
        # Questions come again, and are judged alone and with their conversation.
        self._scores_of = lru_cache(512)(self._scores)

    @classmethod
    def load(cls, folder: Path | None = None) -> "TextPolicy":
        """With the rule files of ops in `folder`. While no file changes, it is the same policy:
        to put 5,000 terms together takes 0.1 s of CPU. Raises BadRules."""
        return _loaded(read_files(rule_files(folder)))

    def judge(
        self,
        texts: Iterable[str],
        tenant: str,
        kind: Kind = "question",
        said_together: Sequence[str] = (),
    ) -> Verdict:
        """Each of the texts, and what those of `said_together` say as one: a phrase may begin in
        one turn and end in the next."""
        verdict = NOTHING
        for text in texts:
            if text:
                verdict = stronger(verdict, self._one(text, tenant, kind))
                if verdict.blocked:
                    return verdict
        if len(said_together) > 1:
            verdict = stronger(verdict, self._together(said_together, tenant, kind))
        return verdict

    def forget(self) -> None:
        """What was judged before: for measurements."""
        self.matcher.forget()
        self._scores_of.cache_clear()

    def action(self, category: Category, tenant: str) -> Action:
        return self._rules.action(None, category, tenant)

    def counts(self, hit: Hit, kind: Kind) -> bool:
        """The project's rules look for no adverts in answers: links are taken out of them anyway,
        and what stands on a package or whom to ask is no advert of the model's."""
        counting = not hit.rule.weighed or hit.rule.category in _counting(kind)
        return counting and kind in hit.rule.on

    def by_hits(self, text: str, hits: Iterable[Hit], tenant: str, kind: Kind) -> Verdict:
        """What rules found in the plain `text`. A weighed one counts where the classifier agrees
        on the sentence around it."""
        if kind == "photo" or self.classifier is None:
            return self.by_rules(hits, tenant, kind)
        hits = without_crossing(text, (hit for hit in hits if self.counts(hit, kind)))
        verdict = self.by_rules((hit for hit in hits if not hit.rule.weighed), tenant, kind)
        passages = around(text, (hit for hit in hits if hit.rule.weighed))
        return self._strongest(verdict, passages, SURE_OF_A_HIT, tenant, kind)

    def by_rules(self, hits: Iterable[Hit], tenant: str, kind: Kind) -> Verdict:
        verdict = NOTHING
        for hit in hits:
            if kind in hit.rule.on:
                category = hit.rule.category
                action = self._rules.action(hit.rule.action, category, tenant)
                verdict = stronger(verdict, Verdict(action, category, ((category, 1.0),)))
        return verdict

    def _by_classifier(self, text: str, tenant: str, kind: Kind) -> Verdict:
        """Of the plain text as a whole, and of each sentence that somebody wrote. That must be
        surer: by itself it may mislead, but what is innocent around it hides nothing."""
        assert self.classifier is not None
        sure = self.classifier.answer_threshold
        threshold = sure if kind == "answer" else self.classifier.threshold
        whole = list(pieces(text))
        verdict = NOTHING
        for piece in whole:
            verdict = stronger(verdict, Verdict(scores=tuple(self._scores_of(piece).items())))
        verdict = self._strongest(verdict, whole, threshold, tenant, kind)
        found = sentences(text)
        if kind == "answer" or len(found) < 2:
            return verdict
        parts = (part for each in found for part in pieces(text[each.start : each.end]))
        return self._strongest(verdict, parts, sure, tenant, kind)

    def _strongest(
        self, verdict: Verdict, parts: Iterable[str], threshold: float, tenant: str, kind: Kind
    ) -> Verdict:
        """`verdict`, or what the classifier finds in one of the parts."""
        counting = _counting(kind)
        for part in parts:
            if verdict.blocked:
                break
            scores = self._scores_of(part)
            category = max(counting, key=scores.__getitem__)
            # A model seldom says what is unwanted, of whichever category.
            counted = counting if kind == "answer" else (category,)
            if sum(scores[each] for each in counted) >= threshold:
                action = self._rules.action(None, category, tenant)
                verdict = stronger(verdict, Verdict(action, category, tuple(scores.items())))
        return verdict

    def _scores(self, text: str) -> Mapping[Category, float]:
        assert self.classifier is not None
        return self.classifier.scores(features(text, self.matcher))

    def _one(self, text: str, tenant: str, kind: Kind) -> Verdict:
        """Rules of ops come before words that are harmless alone."""
        hits = self.matcher.find(text)
        if kind == "photo" or self.classifier is None:
            return self.by_rules(hits, tenant, kind)
        if self._is_harmless_word(text):
            return self.by_rules((hit for hit in hits if not hit.rule.weighed), tenant, kind)
        read = self.matcher.reading(text).plain.text
        verdict = self.by_hits(read, hits, tenant, kind)
        if verdict.blocked:
            return verdict
        return stronger(verdict, self._by_classifier(read, tenant, kind))

    def _together(self, turns: Sequence[str], tenant: str, kind: Kind) -> Verdict:
        """Of what rules find in turns as one text that which one turn begins and another ends."""
        text = " ".join(turns)
        read = self.matcher.reading(text).plain
        joints = list(accumulate(len(turn) + 1 for turn in turns))
        spanning = [
            hit
            for hit in self.matcher.find(text)
            if bisect_right(joints, read.places[hit.start])
            < bisect_right(joints, read.places[hit.end - 1])
        ]
        return self.by_hits(read.text, spanning, tenant, kind)

    def _is_harmless_word(self, text: str) -> bool:
        """A classifier knows a lone word by the few texts that hold it: `fake` by adverts."""
        return self.matcher.reading(text).plain.text.strip(_PUNCTUATION) in self._alone


def _counting(kind: Kind) -> Sequence[Category]:
    """The categories that the classifier looks for, and the rules that it weighs."""
    return [each for each in LEARNT if kind != "answer" or each != "advert"]


@lru_cache(1)
def _loaded(files: tuple[RuleFile, ...]) -> TextPolicy:
    return TextPolicy(parse_rules(files, Classifier.identity()), Classifier())
