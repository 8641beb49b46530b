"""A sample receiver of alerts: prints what Alertmanager sends by webhook (port 9095) and by mail
(port 2525), a JSON line each. It shows that delivery works. It is no mail server."""

import asyncio
import email
import email.policy
import json
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable

Speak = Callable[[StreamReader, StreamWriter], Awaitable[None]]
WEBHOOK_PORT, MAIL_PORT = 9095, 2525
# Alertmanager's largest message is some kB an alert.
LONGEST = 4_000_000


def tell(**fields: object) -> None:
    print(json.dumps(fields, ensure_ascii=False), flush=True)


async def webhook(reader: StreamReader, writer: StreamWriter) -> None:
    """One request of https://prometheus.io/docs/alerting/latest/configuration/#webhook_config."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    length = min(int(fields.get("content-length", 0)), LONGEST)
    body = await reader.readexactly(length)
    if lines[0].startswith("POST"):
        for alert in json.loads(body)["alerts"]:
            labels, notes = alert["labels"], alert["annotations"]
            tell(by="webhook", status=alert["status"], labels=labels, annotations=notes)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")


async def mail(reader: StreamReader, writer: StreamWriter) -> None:
    """As much of SMTP (RFC 5321) as it takes to be handed a message."""

    async def answer(text: str) -> None:
        writer.write(f"{text}\r\n".encode())
        await writer.drain()

    await answer("220 sample receiver")
    while line := await reader.readline():
        verb = line[:4].upper()
        if verb == b"DATA":
            await answer("354 go on")
            data = await reader.readuntil(b"\r\n.\r\n")
            message = email.message_from_bytes(data[:-3], policy=email.policy.default)
            tell(by="mail", to=str(message["to"]), subject=str(message["subject"]))
        await answer("221 bye" if verb == b"QUIT" else "250 ok")
        if verb == b"QUIT":
            return


async def serve(webhook_port: int, mail_port: int) -> None:
    def closing(speak: Speak) -> Speak:
        async def connection(reader: StreamReader, writer: StreamWriter) -> None:
            try:
                await speak(reader, writer)
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError):
                pass  # who does not speak the protocol is left
            finally:
                writer.close()

        return connection

    await asyncio.start_server(closing(webhook), None, webhook_port, limit=LONGEST)
    await asyncio.start_server(closing(mail), None, mail_port, limit=LONGEST)
    await asyncio.Event().wait()


if __name__ == "__main__":
    ports = [int(port) for port in sys.argv[1:]] or [WEBHOOK_PORT, MAIL_PORT]
    asyncio.run(serve(*ports))
