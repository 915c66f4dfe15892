//! boots
