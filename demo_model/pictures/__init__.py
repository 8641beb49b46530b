"""The demo world and its pictures: facts are drawn first, the picture is drawn from them."""
