"""What is behind products and on them: backgrounds, things that lie about, textures."""
