"""`POST /v1/products/card` and `POST /v1/match`: questions whose answer is data. JSON or a form."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from fastapi import Request, Response
from starlette.datastructures import State

from contract.completion import CompletionRequest
from contract.forms import MODEL_ALIAS
from contract.http import EventStream, check_media_type, media_type, read_body
from contract.images import EncodedImage
from contract.products.forms import parse_card, parse_card_form, parse_match, parse_match_form
from contract.products.render import card_stream, end_of, product_object
from contract.render import AnswerPieces
from contract.response import AnswerFrame, Finished
from contract.text.language import preferred_language
from gateway.api.ask import AskEndpoint
from gateway.api.envelope import response_headers
from gateway.api.multipart import read_form
from gateway.gateway import Gateway
from gateway.log.interaction import Interaction
from gateway.usecases.question import Question, new_question, question_of
from gateway.usecases.questions import Questions
from gateway.usecases.tasks import PHOTO_MATCH, PRODUCT_CARD, Task

ParseJson = Callable[[bytes, str], CompletionRequest]
ParseForm = Callable[[Mapping[str, str], EncodedImage | None, str], CompletionRequest]


class ProductEndpoint(AskEndpoint):
    def __init__(
        self, path: str, task: Task, parse: ParseJson, parse_form: ParseForm, state: State
    ) -> None:
        super().__init__(path, self._question, state)
        self.task = task
        self._parse = parse
        self._parse_form = parse_form

    async def _question(self, request: Request, questions: Questions, tenant: str) -> Question:
        """A JSON body that this tenant has sent here before is not parsed again."""
        language = preferred_language(request.headers.get("accept-language"))
        if media_type(request) == "multipart/form-data":
            texts, file = await read_form(request)
            return new_question(self._parse_form(texts, file, language), task=self.task)
        check_media_type(request, "application/json", "multipart/form-data")
        body = await read_body(request)
        # The same body may be something else at another endpoint, or for another asker.
        name = tenant, f"{self.task.scope}:{language}:{body.digest}"
        memoised = questions.recall(name)
        if memoised is None:
            return new_question(self._parse(body.data, language), name, self.task)

        async def again() -> CompletionRequest:
            return self._parse(body.data, language)

        return question_of(memoised, again)

    async def _rendered(
        self, pieces: AnswerPieces, gateway: Gateway, interaction: Interaction
    ) -> Response:
        asked = interaction.asked
        assert asked is not None
        revision = interaction.revision or ""
        calibration = gateway.pool.calibration(revision)
        frame = AnswerFrame(f"{self.task.scope}-{interaction.id.hex}", MODEL_ALIAS, revision)

        def whole(end: Finished) -> dict[str, Any]:
            assert interaction.product is not None
            language = interaction.language or "en"
            return product_object(frame, interaction.product, end, language, calibration)

        if asked.stream:
            language = interaction.language or "en"
            body = card_stream(pieces, whole, calibration, asked, language)
            return EventStream(body, response_headers(gateway, interaction))
        answered = orjson.dumps(whole(await end_of(pieces)))
        headers = response_headers(gateway, interaction)
        return Response(answered, headers=headers, media_type="application/json")


class CardEndpoint(ProductEndpoint):
    def __init__(self, state: State) -> None:
        super().__init__("/v1/products/card", PRODUCT_CARD, parse_card, parse_card_form, state)


class MatchEndpoint(ProductEndpoint):
    def __init__(self, state: State) -> None:
        super().__init__("/v1/match", PHOTO_MATCH, parse_match, parse_match_form, state)
