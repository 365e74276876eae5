/* Random bytes for Rust's and Go's standard libraries. Wine 8 lacks this DLL of Windows; it is for the checks only. */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *data, SIZE_T size)
{
    return RtlGenRandom(data, size);
}
