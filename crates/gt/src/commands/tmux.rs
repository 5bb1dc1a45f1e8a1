//! gt tmux
