# The mean of the third column of data/readings.csv
BEGIN { FS = "," }
NR > 1 { total += $3 }
END { printf "%.1f degrees\n", total / (NR - 1) }
