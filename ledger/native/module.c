/* The compiled twin of the ledger's batch functions.
 *
 * Each function does what the Python function of the same name does, byte for byte (tests/native compares them), or, for
 * read_usage, says that it is not sure, and the Python function decides. Nothing here keeps a reference or a pointer
 * beyond a call; every length is checked before it is used; Python's stable ABI only.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <string.h>

#include "sha256.h"
#include "usage.h"

#define SALT_SIZE 16
#define HEAD_SIZE 11 /* 0x00, version, kind, time */

/* A list or tuple of bytes objects, held for the length of a call. */
static PyObject *hold_sequence(PyObject *object, Py_ssize_t *count)
{
    PyObject *held = PySequence_Tuple(object);
    if (held)
        *count = PyTuple_Size(held);
    return held;
}

static int item_bytes(PyObject *tuple, Py_ssize_t at, Py_ssize_t wanted, const unsigned char **data,
                      Py_ssize_t *size)
{
    PyObject *item = PyTuple_GetItem(tuple, at);
    char *bytes;
    if (!item || PyBytes_AsStringAndSize(item, &bytes, size) < 0)
        return -1;
    if (wanted >= 0 && *size != wanted) {
        PyErr_Format(PyExc_ValueError, "item %zd has %zd bytes, not %zd", at, *size, wanted);
        return -1;
    }
    *data = (const unsigned char *)bytes;
    return 0;
}

static int append_digest(PyObject *list, Py_ssize_t at, const unsigned char digest[SHA256_SIZE])
{
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)digest, SHA256_SIZE);
    return bytes ? PyList_SetItem(list, at, bytes) : -1;
}

static PyObject *commit_batch(PyObject *module, PyObject *args)
{
    static const unsigned char prefix = 0x02;
    const char *salts;
    Py_ssize_t salts_size, count;
    PyObject *records, *held, *list = NULL;
    (void)module;
    if (!PyArg_ParseTuple(args, "y#O", &salts, &salts_size, &records))
        return NULL;
    held = hold_sequence(records, &count);
    if (!held)
        return NULL;
    if (salts_size % SALT_SIZE || salts_size / SALT_SIZE != count) {
        PyErr_Format(PyExc_ValueError, "%zd bytes of salt for %zd records", salts_size, count);
        goto fail;
    }
    list = PyList_New(count);
    if (!list)
        goto fail;
    for (Py_ssize_t at = 0; at < count; at++) {
        const unsigned char *record;
        Py_ssize_t size;
        unsigned char digest[SHA256_SIZE];
        sha256_context context;
        if (item_bytes(held, at, -1, &record, &size) < 0)
            goto fail;
        sha256_begin(&context);
        sha256_update(&context, &prefix, 1);
        sha256_update(&context, (const unsigned char *)salts + at * SALT_SIZE, SALT_SIZE);
        sha256_update(&context, record, (size_t)size);
        sha256_end(&context, digest);
        if (append_digest(list, at, digest) < 0)
            goto fail;
    }
    Py_DecRef(held);
    return list;
fail:
    Py_DecRef(held);
    Py_DecRef(list);
    return NULL;
}

static PyObject *chain_hashes(PyObject *module, PyObject *args)
{
    const char *head, *previous;
    Py_ssize_t head_size, previous_size, count;
    PyObject *commitments, *held, *list = NULL;
    unsigned char message[HEAD_SIZE + 2 * SHA256_SIZE];
    (void)module;
    if (!PyArg_ParseTuple(args, "y#y#O", &head, &head_size, &previous, &previous_size, &commitments))
        return NULL;
    if (head_size != HEAD_SIZE || previous_size != SHA256_SIZE) {
        PyErr_SetString(PyExc_ValueError, "head must have 11 bytes, previous 32");
        return NULL;
    }
    held = hold_sequence(commitments, &count);
    if (!held)
        return NULL;
    list = PyList_New(count);
    if (!list)
        goto fail;
    memcpy(message, head, HEAD_SIZE);
    memcpy(message + HEAD_SIZE, previous, SHA256_SIZE);
    for (Py_ssize_t at = 0; at < count; at++) {
        const unsigned char *commitment;
        Py_ssize_t size;
        sha256_context context;
        if (item_bytes(held, at, SHA256_SIZE, &commitment, &size) < 0)
            goto fail;
        memcpy(message + HEAD_SIZE + SHA256_SIZE, commitment, SHA256_SIZE);
        sha256_begin(&context);
        sha256_update(&context, message, sizeof message);
        /* The leaf hash is what the next leaf holds as its previous one. */
        sha256_end(&context, message + HEAD_SIZE);
        if (append_digest(list, at, message + HEAD_SIZE) < 0)
            goto fail;
    }
    Py_DecRef(held);
    return list;
fail:
    Py_DecRef(held);
    Py_DecRef(list);
    return NULL;
}

static PyObject *hash_pairs(PyObject *module, PyObject *nodes)
{
    Py_ssize_t count;
    PyObject *list = NULL, *held = hold_sequence(nodes, &count);
    unsigned char message[1 + 2 * SHA256_SIZE] = {0x01};
    (void)module;
    if (!held)
        return NULL;
    list = PyList_New(count / 2);
    if (!list)
        goto fail;
    for (Py_ssize_t at = 0; at < count / 2; at++) {
        const unsigned char *left, *right;
        Py_ssize_t size;
        unsigned char digest[SHA256_SIZE];
        sha256_context context;
        if (item_bytes(held, 2 * at, SHA256_SIZE, &left, &size) < 0 ||
            item_bytes(held, 2 * at + 1, SHA256_SIZE, &right, &size) < 0)
            goto fail;
        memcpy(message + 1, left, SHA256_SIZE);
        memcpy(message + 1 + SHA256_SIZE, right, SHA256_SIZE);
        sha256_begin(&context);
        sha256_update(&context, message, sizeof message);
        sha256_end(&context, digest);
        if (append_digest(list, at, digest) < 0)
            goto fail;
    }
    Py_DecRef(held);
    return list;
fail:
    Py_DecRef(held);
    Py_DecRef(list);
    return NULL;
}

/* accept_usage(bodies, first_us, last_us) -> (event ids, distinct receipt_refs), or None when not certain. */
static PyObject *accept_usage(PyObject *module, PyObject *args)
{
    usage_limits limits;
    long long first_us, last_us, quantity_max;
    Py_ssize_t id_length_max, event_size_max, count;
    PyObject *bodies, *held, *ids = NULL, *references = NULL, *answer = NULL;
    text_span last_reference = {NULL, 0};
    (void)module;
    if (!PyArg_ParseTuple(args, "OLLLnn", &bodies, &first_us, &last_us, &quantity_max, &id_length_max,
                          &event_size_max))
        return NULL;
    if (id_length_max < 0 || event_size_max < 0) {
        PyErr_SetString(PyExc_ValueError, "limits must not be negative");
        return NULL;
    }
    limits = (usage_limits){first_us, last_us, quantity_max, (size_t)id_length_max, (size_t)event_size_max};
    held = hold_sequence(bodies, &count);
    if (!held)
        return NULL;
    ids = PyList_New(count);
    references = PySet_New(NULL);
    if (!ids || !references)
        goto done;
    for (Py_ssize_t at = 0; at < count; at++) {
        const unsigned char *body;
        Py_ssize_t size;
        usage_event event;
        if (item_bytes(held, at, -1, &body, &size) < 0)
            goto done;
        if (!usage_acceptable(body, (size_t)size, &limits, &event)) {
            answer = Py_None;
            Py_IncRef(answer);
            goto done;
        }
        /* The alphabet is a part of ASCII, so that these bytes are UTF-8. */
        PyObject *id = PyUnicode_FromStringAndSize((const char *)event.event_id.data,
                                                   (Py_ssize_t)event.event_id.size);
        if (!id || PyList_SetItem(ids, at, id) < 0)
            goto done;
        text_span reference = event.receipt_ref;
        if (reference.size && (reference.size != last_reference.size ||
                               memcmp(reference.data, last_reference.data, reference.size))) {
            PyObject *name = PyUnicode_FromStringAndSize((const char *)reference.data,
                                                         (Py_ssize_t)reference.size);
            int failed = !name || PySet_Add(references, name) < 0;
            Py_DecRef(name);
            if (failed)
                goto done;
            last_reference = reference;
        }
    }
    answer = PyTuple_Pack(2, ids, references);
done:
    Py_DecRef(held);
    Py_DecRef(ids);
    Py_DecRef(references);
    return answer;
}

/* set_alphabet(characters): what identifiers may have. Called once, when counterfoil.native is imported. */
static PyObject *set_alphabet(PyObject *module, PyObject *args)
{
    const char *alphabet;
    Py_ssize_t size;
    (void)module;
    if (!PyArg_ParseTuple(args, "y#", &alphabet, &size))
        return NULL;
    for (Py_ssize_t at = 0; at < size; at++) {
        if ((unsigned char)alphabet[at] >= 0x80) {
            PyErr_SetString(PyExc_ValueError, "the alphabet must be ASCII");
            return NULL;
        }
    }
    usage_allow((const unsigned char *)alphabet, (size_t)size);
    Py_IncRef(Py_None);
    return Py_None;
}

/* choose_hardware(allowed) -> whether SHA instructions are used. For tests of both ways; the best one is the default. */
static PyObject *choose_hardware(PyObject *module, PyObject *args)
{
    int allow;
    (void)module;
    if (!PyArg_ParseTuple(args, "p", &allow))
        return NULL;
    sha256_choose(allow);
    return PyBool_FromLong(sha256_uses_hardware());
}

static PyMethodDef METHODS[] = {
    {"commit_batch", commit_batch, METH_VARARGS, "commit_batch(salts, records) -> commitments"},
    {"chain_hashes", chain_hashes, METH_VARARGS, "chain_hashes(head, previous, commitments) -> leaf hashes"},
    {"hash_pairs", hash_pairs, METH_O, "hash_pairs(nodes) -> parents"},
    {"accept_usage", accept_usage, METH_VARARGS,
     "accept_usage(bodies, first_us, last_us, quantity_max, id_length_max, event_size_max)"},
    {"set_alphabet", set_alphabet, METH_VARARGS, "set_alphabet(characters)"},
    {"choose_hardware", choose_hardware, METH_VARARGS, "choose_hardware(allowed) -> used"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "counterfoil._native", NULL, -1, METHODS, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void)
{
    sha256_choose(1);
    return PyModule_Create(&MODULE);
}
