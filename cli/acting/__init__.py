"""What the demo and drills share: processes that are started and ended, a mailbox, people who open links."""
