"""Small classifiers of texts, trained by this project: logistic regressions over features that are
strings. Which features, and what is told apart, is said by who uses them."""
