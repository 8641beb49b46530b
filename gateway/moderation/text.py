"""Judges questions, answers and whatever else is text: by rules, and by a trained classifier that
weighs what they find and knows what no rule foresees. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

from gateway.moderation.classifier.classifier import Classifier
from gateway.moderation.classifier.features import features
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
from gateway.moderation.verdict import NOTHING, Action, Category, Verdict, stronger

Kind = Literal["question", "answer", "photo"]
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
        together = [" ".join(said_together)] if len(said_together) > 1 else []
        verdict = NOTHING
        for text in [*texts, *together]:
            if text:
                verdict = stronger(verdict, self._one(text, tenant, kind))
                if verdict.blocked:
                    break
        return verdict

    def forget(self) -> None:
        """What was judged before: for measurements."""
        self.matcher.forget()
        self._scores_of.cache_clear()

    def action(self, category: Category, tenant: str) -> Action:
        return self._rules.action(None, category, tenant)

    def by_rules(self, hits: Iterable[Hit], tenant: str, kind: Kind) -> Verdict:
        verdict = NOTHING
        for hit in hits:
            if kind in hit.rule.on:
                category = hit.rule.category
                action = self._rules.action(hit.rule.action, category, tenant)
                verdict = stronger(verdict, Verdict(action, category, ((category, 1.0),)))
        return verdict

    def by_classifier(self, text: str, tenant: str, kind: Kind) -> Verdict:
        """Of a whole text: parts of one mislead."""
        if self.classifier is None:
            return NOTHING
        scores = self._scores_of(text)
        category = max(scores, key=scores.__getitem__)
        if kind == "answer":
            is_unwanted = sum(scores.values()) >= self.classifier.answer_threshold
        else:
            is_unwanted = scores[category] >= self.classifier.threshold
        if not is_unwanted:
            return Verdict(scores=tuple(scores.items()))
        action = self._rules.action(None, category, tenant)
        return Verdict(action, category, tuple(scores.items()))

    def _scores(self, text: str) -> Mapping[Category, float]:
        assert self.classifier is not None
        return self.classifier.scores(features(text, self.matcher))

    def _one(self, text: str, tenant: str, kind: Kind) -> Verdict:
        hits = self.matcher.find(text)
        if kind == "photo" or self.classifier is None:
            return self.by_rules(hits, tenant, kind)
        verdict = self.by_rules((hit for hit in hits if not hit.rule.weighed), tenant, kind)
        if verdict.blocked or self._is_harmless_word(text):
            return verdict
        return stronger(verdict, self.by_classifier(text, tenant, kind))

    def _is_harmless_word(self, text: str) -> bool:
        """A classifier knows a lone word by the few texts that hold it: `fake` by adverts."""
        return self.matcher.reading(text).plain.text.strip(_PUNCTUATION) in self._alone


@lru_cache(1)
def _loaded(files: tuple[RuleFile, ...]) -> TextPolicy:
    return TextPolicy(parse_rules(files, Classifier.identity()), Classifier())
