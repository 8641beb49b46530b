#!/bin/sh
# What a template cannot say, since it only puts values in: one line for each trusted proxy, and how
# long an answer is waited for. The image's entrypoint runs this at each start, after the templates. It
# needs to be executable.
set -eu
lines=${NGINX_SETTINGS:-/etc/nginx/conf.d/settings} # included by shopsight.conf

# Addresses, networks or names, apart by spaces or commas. unix: is no client of ours, and so means none.
proxies=$(printf %s "${TRUSTED_PROXY:-unix:}" | tr ',' ' ')
deadline_ms=${DEADLINE_MS:-30000}
case "$deadline_ms" in
  *[!0-9]* | "")
    echo "DEADLINE_MS: $deadline_ms is no number of milliseconds" >&2
    exit 1
    ;;
esac
# The gateway itself gives up at the deadline and says so: 5 s later it is the gateway that hangs.
echo "proxy_read_timeout $(((deadline_ms + 999) / 1000 + 5))s;" > "$lines"
set -f
for proxy in ${proxies:-unix:}; do
  case "$proxy" in
    *[!0-9A-Za-z.:/_-]*)
      echo "TRUSTED_PROXY: $proxy is no address, no network and no name" >&2
      exit 1
      ;;
  esac
  echo "set_real_ip_from $proxy;"
done >> "$lines"
