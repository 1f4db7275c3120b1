/* A quick look at one usage event: either everything in it is acceptable, or somebody else has to look closer. */
#ifndef COUNTERFOIL_USAGE_H
#define COUNTERFOIL_USAGE_H

#include "packed.h"

typedef struct {
    int64_t first_us, last_us;   /* the window, both ends included */
    int64_t quantity_max;
    size_t id_length_max, event_size_max;
    int pseudonyms_only; /* whether a consumer has to be a pseudonym */
} usage_limits;

typedef struct {
    span event_id, receipt_ref;
} usage_event;

/* Which bytes an identifier may have. Called once, when the module is set up. */
void usage_allow(const unsigned char *alphabet, size_t size);

/* 1 when the body is a UsageEvent with nothing to object to; 0 when that is not certain. */
int usage_acceptable(span body, const usage_limits *limits, usage_event *event);

/* What one event says about itself; all of its other fields are what it refers to. */
typedef struct {
    int64_t time_us;
    uint64_t tokens; /* of all three kinds */
    size_t reference_size;
} usage_own;

/* Part an event: its references, as they stand, go to ``reference``, which has room for the body. 0 when not certain. */
int usage_part(span body, unsigned char *reference, usage_own *own);

#endif
