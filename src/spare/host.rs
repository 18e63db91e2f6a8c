//! A clean checkout on this machine.
