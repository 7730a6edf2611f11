module x-from

go 1.24
