/* What usage events refer to, as Python calls it; counterfoil/record/references.py says what it does. */
#ifndef COUNTERFOIL_REFERENCES_MODULE_H
#define COUNTERFOIL_REFERENCES_MODULE_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

PyObject *refer_usage(PyObject *module, PyObject *args);

#endif
