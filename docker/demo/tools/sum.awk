# Adds up the second column of data/readings.csv
BEGIN { FS = "," }
NR > 1 { total += $2 }
END { print total }
