"""`python -m inference`: serves one replica until SIGTERM."""

import math

import uvicorn

from contract.http_protocol import HttpProtocol
from contract.process.logs import configure_logging
from contract.process.wrong_settings import told_in_a_sentence
from inference.app import create_app
from inference.config import Settings


def main() -> None:
    with told_in_a_sentence():
        settings = Settings()
    configure_logging(settings.log_level)
    app = create_app(settings)
    try:
        uvicorn.run(
            app,
            host=settings.host,
            port=settings.inference_port,
            http=HttpProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            # What is in flight at the end of a replica may take as long as any answer.
            timeout_graceful_shutdown=math.ceil(settings.default_deadline_ms / 1000),
        )
    except SystemExit as ended:
        # A sentence, as the last line: that one is shown by who started the process.
        raise SystemExit(getattr(app.state, "unfit", ended.code)) from None


if __name__ == "__main__":
    main()
