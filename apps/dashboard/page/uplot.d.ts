/** The browser gets the library from /assets/uplot.js. */
export { default } from 'uplot';
