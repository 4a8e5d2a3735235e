"""What convinces somebody who was not there: electorates, certificates, confirmation, paths to an item."""
