/* The forms of pseudonyms and hashes, as counterfoil/record/consumer.py has them; tests compare the two. */
#ifndef COUNTERFOIL_CONSUMER_H
#define COUNTERFOIL_CONSUMER_H

#include "packed.h"

/* 1 when an id has one of the forms. */
int is_pseudonym(span id);

#endif
