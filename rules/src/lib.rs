//! Sigma rules: parse, compile, match, correlate, except, test.
