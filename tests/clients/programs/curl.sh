#!/bin/bash
# curl, as in the examples of docs/integrators.md: each function is one cell of its table.
set -euo pipefail
url=$1 feature=$2 photo=$3 other=$4
question='这是真皮吗?'
quiet=(curl -sS)

uri() { printf 'data:image/jpeg;base64,%s' "$(base64 -w0 "$1")"; }
text() { sed -E 's/.*"content":"([^"]*)".*/{"text":"\1"}/'; }
turn() { # the question, then addresses of photos
  local parts="" each
  for each in "${@:2}"; do parts+="{\"type\":\"image_url\",\"image_url\":{\"url\":\"$each\"}},"; done
  printf '{"role":"user","content":[%s{"type":"text","text":"%s"}]}' "$parts" "$1"
}
ask() { # a body on standard input
  "${quiet[@]}" "$url/v1/chat/completions" -H 'content-type: application/json' --data-binary @- "$@"
}
session() { sed -nE 's/.*"session":"([^"]+)".*/\1/p'; }

case $feature in
  photo) "${quiet[@]}" "$url/v1/ask" -F "photo=@$photo" -F "question=$question" ;;
  stream)
    "${quiet[@]}" -N "$url/v1/ask" -F "photo=@$photo" -F "question=$question" -F stream=true |
      sed -nE 's/^data: .*"delta":\{"content":"([^"]*)".*/\1/p' | tr -d '\n' |
      sed -E 's/(.*)/{"text":"\1"}/' ;;
  schema)
    format='{"type":"json_schema","json_schema":{"name":"card","schema":{"type":"object","properties":{"kind":{"type":"string"}},"required":["kind"],"additionalProperties":false}}}'
    printf '{"messages":[%s],"response_format":%s}' "$(turn "$question" "$(uri "$photo")")" "$format" | ask |
      sed -E 's/.*"content":"(\{.*\})","refusal".*/{"value":\1}/; s/\\"/"/g' ;;
  conversation)
    first=$(turn "what?" "$(uri "$photo")")
    said=$(printf '{"messages":[%s]}' "$first" | ask | sed -E 's/.*"message":(\{[^}]*\}).*/\1/')
    printf '{"messages":[%s,%s,%s]}' "$first" "$said" "$(turn "$question")" | ask | text ;;
  photos)
    printf '{"messages":[%s]}' "$(turn "$question" "$(uri "$photo")" "$(uri "$other")")" | ask | text ;;
  'by id')
    upload=$("${quiet[@]}" "$url/v1/images" --data-binary "@$photo")
    id=$(sed -E 's/.*"id":"([^"]+)".*/\1/' <<<"$upload")
    printf '{"image_id":"%s","prompt":"%s"}' "$id" "$question" |
      ask -H "x-shopsight-session: $(session <<<"$upload")" ;;
  vote)
    answer=$("${quiet[@]}" "$url/v1/ask" -F "photo=@$photo" -F "question=$question")
    id=$(sed -E 's/.*"id":"([^"]+)".*/\1/' <<<"$answer")
    "${quiet[@]}" "$url/v1/feedback" -H 'content-type: application/json' \
      -H "x-shopsight-session: $(session <<<"$answer")" -d "{\"interaction_id\":\"$id\",\"vote\":\"up\"}" ;;
  erase)
    upload=$("${quiet[@]}" "$url/v1/images" --data-binary "@$photo")
    "${quiet[@]}" -X DELETE "$url/v1/users/me/data" -H "x-shopsight-session: $(session <<<"$upload")" ;;
  error)
    printf '{"image":"%s","prompt":"%s","model":"none"}' "$(uri "$photo")" "$question" |
      ask -w '%{http_code}' | sed -E 's/.*"code":"([^"]+)".*\}\}([0-9]+)/{"status":\2,"code":"\1"}/' ;;
  *) exit 3 ;;
esac
