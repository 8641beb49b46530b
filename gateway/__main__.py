"""`python -m gateway`: forks the forwarder of its events, then serves one gateway."""

from contract.process.memory import limit_mmap_threshold, share_one_arena
from gateway import forwarding


def main(*, forwarder_apart: bool = True) -> None:
    """`forwarder_apart`: events are forwarded by a process of its own, not by a thread."""
    limit_mmap_threshold()
    share_one_arena()
    # Now, while there is one thread and no connection, which a fork would take along.
    forwarder = forwarding.fork() if forwarder_apart else None
    # And before these imports: each writes to pages of what is imported already, of which the
    # forwarder would keep a copy.
    from contract.process.logs import configure_logging
    from contract.process.wrong_settings import told_in_a_sentence
    from gateway.config import Settings
    from gateway.serving import run

    with told_in_a_sentence():
        settings = Settings()
    configure_logging(settings.log_level)
    run(settings, forwarder)


if __name__ == "__main__":
    main()
