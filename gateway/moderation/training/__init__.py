"""What makes the files that moderation reads: tables of characters and words, the classifier. In
`texts/` each file is one writer's, by hand; what is unwanted in them is there to be recognised."""
