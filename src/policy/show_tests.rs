//! What is printed can be read again, and means the same.
