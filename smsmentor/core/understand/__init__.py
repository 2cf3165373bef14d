"""From text to meaning: pure recognisers made from data files. They know no state; what they find, others act on."""
