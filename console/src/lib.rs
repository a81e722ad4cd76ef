//! The web console and the HTTP API over centre.
